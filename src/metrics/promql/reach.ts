import type { Reach } from './ast.ts';

/** Points in time order; times are epoch ms. */
interface Points {
  readonly times: ArrayLike<number>;
  readonly values: ArrayLike<number>;
}

interface Ends {
  /** Epoch ms. */
  readonly start: number;
  readonly end: number;
  readonly reach: Reach;
  /** True where a smaller value means that the counter began again from zero. */
  readonly counter: boolean;
}

/**
 * The points of a range that reaches beyond its ends, with one point exactly on either end.
 * `anchored` takes there the last value before it; `smoothed` the value on the line between its
 * neighbours. Undefined when there is no point after the start.
 * Source: `extendFloats` and `extendedRate` of Prometheus 3.
 * @param points of the range, and of the look-back before it; for `smoothed` also after it
 */
export function onEnds(
  points: Points,
  { start, end, reach, counter }: Ends,
): { times: number[]; values: number[] } | undefined {
  const all = Array.from(points.times, (t, index) => ({ t, value: points.values[index]! }));
  const before = all.findLastIndex(({ t }) => t <= start);
  const beyond = all.findIndex(({ t }) => t >= end);
  const last = reach === 'smoothed' && beyond !== -1 ? all[beyond] : all.at(-1);
  const first = all[Math.max(0, before)];
  if (!first || !last || last.t <= start || (reach === 'smoothed' && first.t > end)) return undefined;
  const left =
    reach === 'smoothed' && first.t < start ? between(first, all[before + 1]!, start, counter) : first.value;
  const previous = all[beyond - 1];
  const right =
    reach === 'smoothed' && last.t > end && previous ? between(previous, last, end, counter) : last.value;
  const inside = all.filter(({ t }) => t > start && t < end);
  return {
    times: [start, ...inside.map(({ t }) => t), end],
    values: [left, ...inside.map(({ value }) => value), right],
  };
}

/** The value of a selector that is `smoothed`: on the line to the next point, or the last one when none follows. */
export function smoothedAt(points: Points, t: number): number | undefined {
  const all = Array.from(points.times, (time, index) => ({ t: time, value: points.values[index]! }));
  const left = all.findLast((point) => point.t <= t);
  const right = all.find((point) => point.t > t);
  if (!left || left.t === t || !right) return left?.value;
  return between(left, right, t, false);
}

function between(
  left: { t: number; value: number },
  right: { t: number; value: number },
  t: number,
  counter: boolean,
): number {
  const from = counter && right.value < left.value ? 0 : left.value;
  return from + ((right.value - from) * (t - left.t)) / (right.t - left.t);
}
