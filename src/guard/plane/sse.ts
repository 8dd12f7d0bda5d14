/** Writes `retry:` fields into an event stream that passes through, only ever between two events. */
import type { ServerResponse } from 'node:http';

const LF = 10;
const CR = 13;

export class RetryStamper {
  readonly #res: ServerResponse;
  /** True where a new event may begin. */
  #atBoundary = true;
  #last = LF;
  /** Whether the byte before the last line end was a line end too. */
  #lineEmpty = true;
  #pending: number | null = null;

  constructor(res: ServerResponse) {
    this.#res = res;
  }

  /** Tells the client how long to wait before it reconnects, at the next place where that may be said. */
  stamp(milliseconds: number): void {
    if (this.#res.destroyed || this.#res.writableEnded) return;
    if (this.#atBoundary) this.#res.write(field(milliseconds));
    else this.#pending = milliseconds;
  }

  /** Passes a chunk on. Returns what `write` returns: false asks to wait for `drain`. */
  write(chunk: Buffer): boolean {
    if (this.#pending === null) {
      // Only the end of the chunk matters, and a line longer than the chunk changes nothing.
      for (let index = Math.max(0, chunk.length - 4); index < chunk.length; index++) this.#see(chunk[index]!);
      return this.#res.write(chunk);
    }
    for (let index = 0; index < chunk.length; index++) {
      this.#see(chunk[index]!);
      if (!this.#atBoundary || chunk[index + 1] === LF) continue;
      const milliseconds = this.#pending;
      this.#pending = null;
      this.#res.write(chunk.subarray(0, index + 1));
      this.#res.write(field(milliseconds));
      return this.write(chunk.subarray(index + 1));
    }
    return this.#res.write(chunk);
  }

  /** Line ends are LF, CR or CRLF; an empty line ends an event. */
  #see(byte: number): void {
    if (byte === LF && this.#last === CR) {
      this.#last = LF;
      return;
    }
    const lineEnd = byte === LF || byte === CR;
    this.#atBoundary = lineEnd && this.#lineEmpty;
    this.#lineEmpty = lineEnd;
    this.#last = byte;
  }
}

function field(milliseconds: number): string {
  return `retry: ${milliseconds}\n\n`;
}
