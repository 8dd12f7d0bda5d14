/** Whether the calls of a tool fail, by how the last ones ended. All times are ms. */
import { SlidingCounts } from './sliding-counts.ts';

const WINDOW_MS = 20_000;
/** Fewer failures than this are no evidence, */
const MIN_FAILED = 5;
/** nor is a smaller share of the calls that ended in the window. */
const FAILED_SHARE = 0.5;
/** So many in a row are evidence at once, however many successes the window still remembers. */
const IN_A_ROW = 10;
/** What is usual follows faster calls quickly and slower ones reluctantly, so that a slow bout is not usual. */
const FASTER_WEIGHT = 0.5;
const SLOWER_WEIGHT = 0.02;

export class Health {
  readonly #ends = new SlidingCounts(WINDOW_MS);
  #inARow = 0;
  #usualMs = 0;

  /** Milliseconds that an answer usually takes; 0 before the first one. */
  get usualMs(): number {
    return this.#usualMs;
  }

  ended(now: number, well: boolean): void {
    this.#ends.add(now, well ? 'first' : 'second', 1);
    this.#inARow = well ? 0 : this.#inARow + 1;
  }

  /** An answer took so long. */
  took(ms: number): void {
    if (this.#usualMs === 0) this.#usualMs = ms;
    else this.#usualMs += (ms - this.#usualMs) * (ms < this.#usualMs ? FASTER_WEIGHT : SLOWER_WEIGHT);
  }

  fails(now: number): boolean {
    if (this.#inARow === 0) return false;
    if (this.#inARow >= IN_A_ROW) return true;
    const failed = this.#ends.second(now);
    return failed >= MIN_FAILED && failed >= FAILED_SHARE * (failed + this.#ends.first(now));
  }

  /** Forgets how calls ended; what is usual stays known. */
  clear(): void {
    this.#ends.clear();
    this.#inARow = 0;
  }
}
