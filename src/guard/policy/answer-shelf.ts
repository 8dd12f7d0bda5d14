/** Answers that are kept for the grace: in memory only, bounded, overwritten when their time is over. */
import type { Clock } from '../../kernel/index.ts';

/** An answer that is kept. */
export interface Kept<A> {
  readonly bytes: number;
  /** The answer once more. */
  give(): A;
  /** Overwrites what was kept. */
  wipe(): void;
}

const MAX_KEPT = 10_000;
const MAX_KEPT_BYTES = 32 * 1024 * 1024;

interface Place<A> {
  readonly kept: Kept<A>;
  readonly keys: readonly string[];
  /** Monotonic ms. */
  readonly since: number;
  readonly cancel: () => void;
}

export class AnswerShelf<A> {
  readonly #clock: Clock;
  readonly #graceSeconds: () => number;
  /** Oldest first. */
  readonly #places = new Set<Place<A>>();
  readonly #byKey = new Map<string, Place<A>>();
  #bytes = 0;

  /** @param graceSeconds read at every decision; 0 keeps nothing */
  constructor(clock: Clock, graceSeconds: () => number) {
    this.#clock = clock;
    this.#graceSeconds = graceSeconds;
  }

  get size(): number {
    return this.#places.size;
  }

  /** Keeps an answer under its keys for the grace that is in force; what was there under them is dropped. */
  put(keys: readonly string[], keep: () => Kept<A>): void {
    const graceMs = this.#graceSeconds() * 1000;
    if (graceMs <= 0) return;
    for (const key of keys) this.#drop(this.#byKey.get(key));
    const kept = keep();
    const cancel = this.#clock.after(graceMs, () => this.#drop(place));
    const place: Place<A> = { kept, keys, since: this.#clock.monotonic(), cancel };
    this.#places.add(place);
    this.#bytes += kept.bytes;
    for (const key of keys) this.#byKey.set(key, place);
    for (const oldest of this.#places) {
      if (this.#places.size <= MAX_KEPT && this.#bytes <= MAX_KEPT_BYTES) break;
      this.#drop(oldest);
    }
  }

  /** The answer under the key, while it is within the grace that is in force now. */
  give(key: string): { readonly answer: A } | null {
    const place = this.#byKey.get(key);
    if (!place || this.#isOver(place)) return null;
    return { answer: place.kept.give() };
  }

  /** The grace has changed. */
  update(): void {
    for (const place of this.#places) if (this.#isOver(place)) this.#drop(place);
  }

  clear(): void {
    for (const place of this.#places) this.#drop(place);
  }

  #isOver({ since }: Place<A>): boolean {
    return this.#clock.monotonic() - since >= this.#graceSeconds() * 1000;
  }

  #drop(place: Place<A> | undefined): void {
    if (!place || !this.#places.delete(place)) return;
    this.#bytes -= place.kept.bytes;
    for (const key of place.keys) if (this.#byKey.get(key) === place) this.#byKey.delete(key);
    place.cancel();
    place.kept.wipe();
  }
}
