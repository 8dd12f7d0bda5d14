/** The points a range function sees: at least one. Times are epoch ms. */
export interface RangePoints {
  readonly times: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  /** The range is (start, end]. */
  readonly start: number;
  readonly end: number;
  /** The first and last points lie on the ends of the range. */
  readonly onEnds: boolean;
  /** Evaluation time. */
  readonly t: number;
}

/**
 * How much a series grew over its range. The growth between the first and the last point is
 * extrapolated to the ends of the range when those points lie within 1.1 average intervals of them,
 * else by half an interval; a counter is never extrapolated below zero, and its resets are added.
 * Source: `extrapolatedRate` of Prometheus 3.
 */
export function extrapolatedIncrease(
  { times, values, start, end, onEnds }: RangePoints,
  { counter, perSecond }: { counter: boolean; perSecond: boolean },
): number | undefined {
  const last = values.length - 1;
  if (last < 1) return undefined;
  let growth = values[last]! - values[0]!;
  if (counter) {
    for (let index = 1; index <= last; index++) {
      if (values[index]! < values[index - 1]!) growth += values[index - 1]!;
    }
  }
  if (onEnds) return perSecond ? growth / ((end - start) / 1000) : growth;
  const sampled = (times[last]! - times[0]!) / 1000;
  const interval = sampled / last;
  const threshold = interval * 1.1;
  let toStart = (times[0]! - start) / 1000;
  if (toStart >= threshold) toStart = interval / 2;
  if (counter && growth > 0 && values[0]! >= 0) toStart = Math.min(toStart, sampled * (values[0]! / growth));
  let toEnd = (end - times[last]!) / 1000;
  if (toEnd >= threshold) toEnd = interval / 2;
  let factor = (sampled + toStart + toEnd) / sampled;
  if (perSecond) factor /= (end - start) / 1000;
  return growth * factor;
}

/** The change between the last two points: per second for `irate`, where a reset counts from zero; plain for `idelta`. */
export function lastChange({ times, values }: RangePoints, perSecond: boolean): number | undefined {
  const last = values.length - 1;
  if (last < 1) return undefined;
  const seconds = (times[last]! - times[last - 1]!) / 1000;
  if (seconds === 0) return undefined;
  const reset = perSecond && values[last]! < values[last - 1]!;
  const change = reset ? values[last]! : values[last]! - values[last - 1]!;
  return perSecond ? change / seconds : change;
}
