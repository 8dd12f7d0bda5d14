/** Writes `retry:` fields and a last event into an event stream that passes through, only ever between two events. */
import type { Reply } from './reply.ts';

const LF = 10;
const CR = 13;

export class RetryStamper {
  readonly #res: Reply;
  /** True where a new event may begin. */
  #atBoundary = true;
  #lastByte = LF;
  /** Whether the byte before the last line end was a line end too. */
  #lineEmpty = true;
  #pending: number | null = null;
  #ended = false;
  #last: { readonly event: string; readonly done: () => void } | null = null;

  constructor(res: Reply) {
    this.#res = res;
  }

  /** Tells the client how long to wait before it reconnects, at the next place where that may be said. */
  stamp(milliseconds: number): void {
    if (this.#res.destroyed || this.#res.writableEnded) return;
    if (this.#atBoundary) this.#res.write(field(milliseconds));
    else this.#pending = milliseconds;
  }

  /** Ends the stream with this event, at the next place where that may be; then calls `done`. */
  end(event: string, done: () => void): void {
    this.#last = { event, done };
    if (this.#atBoundary) this.#finish();
  }

  /** Passes a chunk on. Returns what `write` returns: false asks to wait for `drain`. */
  write(chunk: Buffer): boolean {
    if (this.#ended) return true;
    if (this.#pending === null && this.#last === null) {
      // Only the end of the chunk matters, and a line longer than the chunk changes nothing.
      for (let index = Math.max(0, chunk.length - 4); index < chunk.length; index++) this.#see(chunk[index]!);
      return this.#res.write(chunk);
    }
    for (let index = 0; index < chunk.length; index++) {
      this.#see(chunk[index]!);
      if (!this.#atBoundary || chunk[index + 1] === LF) continue;
      this.#res.write(chunk.subarray(0, index + 1));
      if (this.#last !== null) return this.#finish();
      const milliseconds = this.#pending!;
      this.#pending = null;
      this.#res.write(field(milliseconds));
      return this.write(chunk.subarray(index + 1));
    }
    return this.#res.write(chunk);
  }

  #finish(): boolean {
    const { event, done } = this.#last!;
    this.#ended = true;
    this.#res.end(event);
    done();
    return true;
  }

  /** Line ends are LF, CR or CRLF; an empty line ends an event. */
  #see(byte: number): void {
    if (byte === LF && this.#lastByte === CR) {
      this.#lastByte = LF;
      return;
    }
    const lineEnd = byte === LF || byte === CR;
    this.#atBoundary = lineEnd && this.#lineEmpty;
    this.#lineEmpty = lineEnd;
    this.#lastByte = byte;
  }
}

function field(milliseconds: number): string {
  return `retry: ${milliseconds}\n\n`;
}
