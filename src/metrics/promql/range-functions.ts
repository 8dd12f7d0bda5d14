import { failed } from './failure.ts';
import { linearRegression, mean, PreciseSum, quantile } from './numeric.ts';
import { extrapolatedIncrease, lastChange, type RangePoints } from './rate.ts';

/** One number per series, or undefined when the series has no result. */
type RangeFunction = (points: RangePoints, scalars: readonly number[]) => number | undefined;

/** Functions from a range vector to one value per series, by name. Scalars are the other arguments in order. */
export const rangeFunctions: ReadonlyMap<string, RangeFunction> = new Map<string, RangeFunction>([
  ['rate', (points) => extrapolatedIncrease(points, { counter: true, perSecond: true })],
  ['increase', (points) => extrapolatedIncrease(points, { counter: true, perSecond: false })],
  ['delta', (points) => extrapolatedIncrease(points, { counter: false, perSecond: false })],
  ['irate', (points) => lastChange(points, true)],
  ['idelta', (points) => lastChange(points, false)],
  ['deriv', deriv],
  ['predict_linear', predictLinear],
  ['double_exponential_smoothing', doubleExponentialSmoothing],
  [
    'changes',
    ({ values }) => countSteps(values, (now, before) => now !== before && !(isNaN(now) && isNaN(before))),
  ],
  ['resets', ({ values }) => countSteps(values, (now, before) => now < before)],
  ['sum_over_time', ({ values }) => sumOf(values)],
  ['avg_over_time', ({ values }) => mean(values)],
  ['count_over_time', ({ values }) => values.length],
  ['min_over_time', ({ values }) => values[pick(values, (now, best) => now < best)]],
  ['max_over_time', ({ values }) => values[pick(values, (now, best) => now > best)]],
  ['first_over_time', ({ values }) => values[0]],
  ['last_over_time', ({ values }) => values[values.length - 1]],
  ['present_over_time', () => 1],
  ['quantile_over_time', ({ values }, [q]) => quantile(q!, values)],
  ['stdvar_over_time', ({ values }) => variance(values)],
  ['stddev_over_time', ({ values }) => Math.sqrt(variance(values))],
  ['mad_over_time', ({ values }) => medianDeviation(values)],
  ['ts_of_first_over_time', ({ times }) => times[0]! / 1000],
  ['ts_of_last_over_time', ({ times }) => times[times.length - 1]! / 1000],
  ['ts_of_min_over_time', ({ times, values }) => times[pick(values, (now, best) => now <= best)]! / 1000],
  ['ts_of_max_over_time', ({ times, values }) => times[pick(values, (now, best) => now >= best)]! / 1000],
]);

const isNaN = Number.isNaN;

function countSteps(values: ArrayLike<number>, differs: (now: number, before: number) => boolean): number {
  let count = 0;
  for (let index = 1; index < values.length; index++) {
    if (differs(values[index]!, values[index - 1]!)) count++;
  }
  return count;
}

function sumOf(values: ArrayLike<number>): number {
  const sum = new PreciseSum();
  for (let index = 0; index < values.length; index++) sum.add(values[index]!);
  return sum.value;
}

/** Index of the value that beats all others; any number beats NaN. */
function pick(values: ArrayLike<number>, beats: (now: number, best: number) => boolean): number {
  let best = 0;
  for (let index = 0; index < values.length; index++) {
    if (beats(values[index]!, values[best]!) || isNaN(values[best]!)) best = index;
  }
  return best;
}

// Welford's method with compensated sums, as Prometheus does it.
function variance(values: ArrayLike<number>): number {
  const average = new PreciseSum();
  const squares = new PreciseSum();
  for (let index = 0; index < values.length; index++) {
    const delta = values[index]! - (average.total + average.compensation);
    average.add(delta / (index + 1));
    squares.add(delta * (values[index]! - (average.total + average.compensation)));
  }
  return (squares.total + squares.compensation) / values.length;
}

function medianDeviation(values: ArrayLike<number>): number {
  // Quantiles would sort a NaN away.
  if (Array.prototype.some.call(values, Number.isNaN)) return Number.NaN;
  const median = quantile(0.5, values);
  return quantile(
    0.5,
    Array.from(values, (value) => Math.abs(value - median)),
  );
}

function deriv({ times, values }: RangePoints): number | undefined {
  // The first point as origin keeps the numbers small and precise.
  return values.length < 2 ? undefined : linearRegression(times, values, times[0]!).slope;
}

function predictLinear({ times, values, t }: RangePoints, [seconds]: readonly number[]): number | undefined {
  if (values.length < 2) return undefined;
  const { slope, intercept } = linearRegression(times, values, t);
  return slope * seconds! + intercept;
}

// https://en.wikipedia.org/wiki/Exponential_smoothing, double (Holt linear).
function doubleExponentialSmoothing(
  { values }: RangePoints,
  [smoothing, trend]: readonly number[],
): number | undefined {
  if (!(smoothing! > 0 && smoothing! < 1)) {
    throw failed(`invalid smoothing factor. Expected: 0 < sf < 1, got: ${smoothing!.toFixed(6)}`);
  }
  if (!(trend! > 0 && trend! < 1)) {
    throw failed(`invalid trend factor. Expected: 0 < tf < 1, got: ${trend!.toFixed(6)}`);
  }
  if (values.length < 2) return undefined;
  let before = 0;
  let smoothed = values[0]!;
  let slope = values[1]! - values[0]!;
  for (let index = 1; index < values.length; index++) {
    if (index > 1) slope = trend! * (smoothed - before) + (1 - trend!) * slope;
    const next = smoothing! * values[index]! + (1 - smoothing!) * (smoothed + slope);
    before = smoothed;
    smoothed = next;
  }
  return smoothed;
}
