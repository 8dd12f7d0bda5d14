/** Arithmetic shared by range functions and aggregations, with Prometheus's care for precision. */

/**
 * A running sum with Neumaier's compensation, the improved Kahan summation that Prometheus uses
 * (`util/kahansum`). `total` is the plain sum; `value` adds the compensation.
 */
export class PreciseSum {
  total: number;
  compensation = 0;

  constructor(first = 0) {
    this.total = first;
  }

  add(increment: number): void {
    const next = this.total + increment;
    if (next === Number.POSITIVE_INFINITY || next === Number.NEGATIVE_INFINITY) this.compensation = 0;
    else if (Math.abs(this.total) >= Math.abs(increment)) this.compensation += this.total - next + increment;
    else this.compensation += increment - next + this.total;
    this.total = next;
  }

  get value(): number {
    return isInfinite(this.total) ? this.total : this.total + this.compensation;
  }
}

/**
 * The mean: a compensated sum, and an incremental mean from the point where the sum would overflow.
 * Source: `avg` and `avg_over_time` of Prometheus 3.
 */
export function mean(values: ArrayLike<number>): number {
  const sum = new PreciseSum(values[0]);
  for (let index = 1; index < values.length; index++) {
    const { total, compensation } = sum;
    sum.add(values[index]!);
    if (isInfinite(sum.total)) return incrementalMean(values, index, total / index, compensation / index);
  }
  return sum.total / values.length + sum.compensation / values.length;
}

function incrementalMean(
  values: ArrayLike<number>,
  from: number,
  start: number,
  compensation: number,
): number {
  const running = new PreciseSum(start);
  running.compensation = compensation;
  for (let index = from; index < values.length; index++) {
    const count = index + 1;
    const share = (count - 1) / count;
    running.total *= share;
    running.compensation *= share;
    running.add(values[index]! / count);
  }
  return running.total + running.compensation;
}

function isInfinite(value: number): boolean {
  return value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY;
}

/** The φ-quantile by linear interpolation between the two nearest ranks; NaN sorts below everything. */
export function quantile(q: number, values: ArrayLike<number>): number {
  if (values.length === 0 || Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  const sorted = Array.from(values).toSorted(byValue);
  const rank = q * (sorted.length - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(sorted.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return sorted[lower]! * (1 - weight) + sorted[upper]! * weight;
}

/** The larger one as Go's `math.Max` has it: +Inf wins over NaN, and NaN over all else. */
export function maxOf(a: number, b: number): number {
  return a === Number.POSITIVE_INFINITY || b === Number.POSITIVE_INFINITY
    ? Number.POSITIVE_INFINITY
    : Math.max(a, b);
}

/** The smaller one as Go's `math.Min` has it: -Inf wins over NaN, and NaN over all else. */
export function minOf(a: number, b: number): number {
  return a === Number.NEGATIVE_INFINITY || b === Number.NEGATIVE_INFINITY
    ? Number.NEGATIVE_INFINITY
    : Math.min(a, b);
}

/** Ascending, NaN first. */
export function byValue(a: number, b: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
  if (Number.isNaN(b)) return 1;
  return a - b || 0;
}

/** Least squares through the points: slope per second, and the value at `at` (epoch ms). */
export function linearRegression(
  times: ArrayLike<number>,
  values: ArrayLike<number>,
  at: number,
): { slope: number; intercept: number } {
  const first = values[0]!;
  const sums = { x: new PreciseSum(), y: new PreciseSum(), xy: new PreciseSum(), xx: new PreciseSum() };
  let constant = true;
  for (let index = 0; index < values.length; index++) {
    const x = (times[index]! - at) / 1000;
    const y = values[index]!;
    if (index > 0 && y !== first) constant = false;
    sums.x.add(x);
    sums.y.add(y);
    sums.xy.add(x * y);
    sums.xx.add(x * x);
  }
  if (constant) {
    return isInfinite(first) ? { slope: Number.NaN, intercept: Number.NaN } : { slope: 0, intercept: first };
  }
  const count = values.length;
  const [x, y, xy, xx] = [sums.x, sums.y, sums.xy, sums.xx].map((sum) => sum.total + sum.compensation) as [
    number,
    number,
    number,
    number,
  ];
  const slope = (xy - (x * y) / count) / (xx - (x * x) / count);
  return { slope, intercept: y / count - (slope * x) / count };
}
