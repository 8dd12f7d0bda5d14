/** Two counts over the last while, in a fixed number of slots: no entry per event, nothing to clean up. */

const SLOTS = 10;

export class SlidingCounts {
  readonly #slotMs: number;
  readonly #first = new Float64Array(SLOTS);
  readonly #second = new Float64Array(SLOTS);
  /** The number of the newest slot, counted from the clock's start. */
  #newest = 0;
  #firstTotal = 0;
  #secondTotal = 0;

  /** @param windowMs how far back the counts reach; events leave them in steps of a tenth of it */
  constructor(windowMs: number) {
    this.#slotMs = windowMs / SLOTS;
  }

  /** @param now monotonic ms, never less than before */
  add(now: number, which: 'first' | 'second', count: number): void {
    this.#move(now);
    const slot = this.#newest % SLOTS;
    if (which === 'first') {
      this.#first[slot]! += count;
      this.#firstTotal += count;
    } else {
      this.#second[slot]! += count;
      this.#secondTotal += count;
    }
  }

  first(now: number): number {
    this.#move(now);
    return this.#firstTotal;
  }

  second(now: number): number {
    this.#move(now);
    return this.#secondTotal;
  }

  clear(): void {
    this.#first.fill(0);
    this.#second.fill(0);
    this.#firstTotal = this.#secondTotal = 0;
  }

  #move(now: number): void {
    const newest = Math.floor(now / this.#slotMs);
    if (newest - this.#newest >= SLOTS) this.clear();
    else {
      for (let number = this.#newest + 1; number <= newest; number++) {
        const slot = number % SLOTS;
        this.#firstTotal -= this.#first[slot]!;
        this.#secondTotal -= this.#second[slot]!;
        this.#first[slot] = this.#second[slot] = 0;
      }
    }
    this.#newest = Math.max(this.#newest, newest);
  }
}
