/**
 * One output stream of a command, kept within a bound: its head and its tail, with a marker in the
 * middle, redacted. What lies between is counted and thrown away, so 1 GB costs no more than 64 KiB.
 */
import { type Redactor, redactor } from './redact.ts';

/** Kept of each stream, bytes, head and tail together. */
export const OUTPUT_LIMIT = 64 * 1024;
/** Read before the tail that is kept, so that a secret cut at its start is still seen whole. Bytes. */
const LOOK_BEHIND = 8 * 1024;

export interface CapturedOutput {
  readonly text: string;
  readonly truncated: boolean;
}

export class OutputCapture {
  readonly #secrets: readonly string[];
  readonly #half: number;
  readonly #emit: ((text: string) => void) | undefined;
  readonly #decoder = new TextDecoder('utf-8');
  readonly #redactor: Redactor;
  #head = '';
  #headFull = false;
  /** Raw bytes read into the head. */
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #total = 0;
  #dropped = false;

  /** @param limit bytes to keep; @param emit is given redacted text as it comes, as much as is kept */
  constructor(secrets: readonly string[], limit: number, emit?: (text: string) => void) {
    this.#secrets = secrets;
    this.#half = Math.max(1024, Math.floor(limit / 2));
    this.#emit = emit;
    this.#redactor = redactor(secrets);
  }

  get total(): number {
    return this.#total;
  }

  write(chunk: Buffer): void {
    this.#total += chunk.length;
    if (this.#headFull) this.#keepTail(chunk);
    else this.#keepHead(chunk);
  }

  end(): CapturedOutput {
    if (!this.#headFull) {
      this.#show(this.#redactor.push(this.#decoder.decode()) + this.#redactor.end());
      return { text: this.#head, truncated: false };
    }
    const rest = Buffer.concat(this.#tail);
    if (!this.#dropped) {
      this.#show(this.#redactor.push(this.#decoder.decode(rest)) + this.#redactor.end());
      return { text: this.#head, truncated: false };
    }
    const clean = redactor(this.#secrets);
    const text = clean.push(rest.toString('utf8')) + clean.end();
    const kept = text.slice(LOOK_BEHIND).slice(-this.#half);
    const left = Math.max(0, this.#total - this.#headBytes - Buffer.byteLength(kept));
    this.#show(`\n… ${formatBytes(left)} left out …\n${kept}`);
    return { text: this.#head, truncated: true };
  }

  #keepHead(chunk: Buffer): void {
    this.#headBytes += chunk.length;
    this.#show(this.#redactor.push(this.#decoder.decode(chunk, { stream: true })));
    if (this.#headBytes >= this.#half) this.#headFull = true;
  }

  #keepTail(chunk: Buffer): void {
    this.#tail.push(chunk);
    this.#tailBytes += chunk.length;
    const limit = this.#half + LOOK_BEHIND;
    while (this.#tailBytes - this.#tail[0]!.length >= limit) {
      this.#tailBytes -= this.#tail.shift()!.length;
      this.#dropped = true;
    }
  }

  #show(text: string): void {
    if (text === '') return;
    this.#head += text;
    this.#emit?.(text);
  }
}

/** `1.0 GB`, `63 kB`, `812 bytes`, in powers of ten. */
function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const [scale, unit]: [number, string] = bytes < 1e6 ? [1e3, 'kB'] : bytes < 1e9 ? [1e6, 'MB'] : [1e9, 'GB'];
  return `${(bytes / scale).toFixed(1)} ${unit}`;
}
