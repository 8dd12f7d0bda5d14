import type { Labels } from './model.ts';

/** What one point is. A histogram point marks a native histogram, which queries refuse. */
export const FLOAT = 0;
export const STALE = 1;
export const HISTOGRAM = 2;

export type PointKind = typeof FLOAT | typeof STALE | typeof HISTOGRAM;

const FIRST_CAPACITY = 32;

/**
 * The points of one series in time order, in flat arrays that grow up to a bound; beyond it the
 * oldest points go. Reading by time is a binary search.
 */
export class WindowSeries {
  readonly labels: Labels;
  readonly #maxPoints: number;
  #times = new Float64Array(FIRST_CAPACITY);
  #values = new Float64Array(FIRST_CAPACITY);
  #kinds = new Uint8Array(FIRST_CAPACITY);
  #start = 0;
  #end = 0;

  constructor(labels: Labels, maxPoints: number) {
    this.labels = labels;
    this.#maxPoints = maxPoints;
  }

  get size(): number {
    return this.#end - this.#start;
  }

  /** Epoch ms of the newest point; -Infinity when there is none. */
  get lastTime(): number {
    return this.#end === this.#start ? Number.NEGATIVE_INFINITY : this.#times[this.#end - 1]!;
  }

  get lastKind(): PointKind | undefined {
    return this.#end === this.#start ? undefined : (this.#kinds[this.#end - 1] as PointKind);
  }

  /** Index of the first point after `t`; use with `time`, `value` and `kind`. */
  firstAfter(t: number): number {
    let low = this.#start;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#times[middle]! > t) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Lowest index that holds a point. */
  get first(): number {
    return this.#start;
  }

  time(index: number): number {
    return this.#times[index]!;
  }

  value(index: number): number {
    return this.#values[index]!;
  }

  kind(index: number): PointKind {
    return this.#kinds[index] as PointKind;
  }

  /** The times of the points in [from, to) without copying; valid until the next append. */
  times(from: number, to: number): Float64Array {
    return this.#times.subarray(from, to);
  }

  /** The values of the points in [from, to) without copying; valid until the next append. */
  values(from: number, to: number): Float64Array {
    return this.#values.subarray(from, to);
  }

  /** True when every point in [from, to) is a float. */
  allFloats(from: number, to: number): boolean {
    for (let index = from; index < to; index++) if (this.#kinds[index] !== FLOAT) return false;
    return true;
  }

  /** Appends a point; the caller has checked that it is newer than the last. */
  append(t: number, value: number, kind: PointKind): void {
    if (this.size >= this.#maxPoints) this.#start++;
    if (this.#end === this.#times.length) this.#makeRoom();
    this.#times[this.#end] = t;
    this.#values[this.#end] = value;
    this.#kinds[this.#end] = kind;
    this.#end++;
  }

  /** Forgets points at or before `t`. */
  forgetUntil(t: number): void {
    if (this.#start < this.#end && this.#times[this.#start]! <= t) this.#start = this.firstAfter(t);
  }

  // Half of the arrays free at the front: move the points there. Otherwise double the arrays.
  #makeRoom(): void {
    const size = this.size;
    if (this.#start < this.#times.length / 2) {
      const capacity = Math.min(this.#times.length * 2, this.#maxPoints * 2 + FIRST_CAPACITY);
      this.#times = moved(this.#times, new Float64Array(capacity), this.#start, this.#end);
      this.#values = moved(this.#values, new Float64Array(capacity), this.#start, this.#end);
      this.#kinds = moved(this.#kinds, new Uint8Array(capacity), this.#start, this.#end);
    } else {
      this.#times.copyWithin(0, this.#start, this.#end);
      this.#values.copyWithin(0, this.#start, this.#end);
      this.#kinds.copyWithin(0, this.#start, this.#end);
    }
    this.#start = 0;
    this.#end = size;
  }
}

function moved<Points extends Float64Array | Uint8Array>(
  from: Points,
  to: Points,
  start: number,
  end: number,
): Points {
  to.set(from.subarray(start, end));
  return to;
}
