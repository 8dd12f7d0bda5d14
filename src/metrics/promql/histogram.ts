import { labelsKey, NAME, withoutLabels } from '../labels.ts';
import type { Labels } from '../model.ts';
import { almostEqual, parseFloatText } from '../numbers.ts';
import type { Expr } from './ast.ts';
import type { Evaluation, VectorSample } from './evaluation.ts';

/** One cumulative bucket of a classic histogram. */
export interface Bucket {
  readonly upper: number;
  readonly count: number;
}

/** The buckets that belong to one histogram: the series equal but for `le`. */
interface ClassicHistogram {
  readonly labels: Labels;
  readonly buckets: Bucket[];
}

const LE: ReadonlySet<string> = new Set(['le']);

/** Groups bucket series into histograms; series without a number in `le` are left out with a warning. */
export function groupBuckets(
  samples: readonly VectorSample[],
  expr: Expr,
  ev: Evaluation,
): Iterable<ClassicHistogram> {
  const histograms = new Map<string, ClassicHistogram>();
  for (const sample of samples) {
    const le = sample.labels.le ?? '';
    const upper = parseFloatText(le);
    if (upper === undefined) {
      const what = `bucket label "le" is missing or has a malformed value of ${JSON.stringify(le)}`;
      ev.annotate('warn', `${what}${ofMetric(sample.labels)}`, expr);
      continue;
    }
    const key = ev.keyFor(expr, sample.labels, (labels) => labelsKey(withoutLabels(labels, LE)));
    let histogram = histograms.get(key);
    if (!histogram) {
      const labels = ev.labelsFor(expr, key, () => withoutLabels(sample.labels, LE));
      histogram = { labels, buckets: [] };
      histograms.set(key, histogram);
    }
    histogram.buckets.push({ upper, count: sample.value });
  }
  return histograms.values();
}

/** The end of a remark about a series that has a name. */
export function ofMetric(labels: Labels): string {
  const name = labels[NAME] ?? '';
  return name === '' ? '' : ` for metric name ${JSON.stringify(name)}`;
}

/** Differences between bucket counts below this, relatively, are rounding. */
const TOLERANCE = 1e-12;

/** Sorted by bound, equal bounds added up. */
function sortBuckets(buckets: readonly Bucket[]): { upper: number; count: number }[] {
  const sorted: { upper: number; count: number }[] = [];
  for (const bucket of buckets.toSorted((a, b) => (a.upper === b.upper ? 0 : a.upper - b.upper))) {
    const last = sorted.at(-1);
    if (last?.upper === bucket.upper) last.count += bucket.count;
    else sorted.push({ ...bucket });
  }
  return sorted;
}

/** Makes counts non-decreasing; true when more than rounding had to be corrected. */
function forceMonotonic(buckets: { count: number }[]): boolean {
  let forced = false;
  let before = buckets[0]!.count;
  for (const bucket of buckets.slice(1)) {
    if (bucket.count === before) continue;
    if (almostEqual(before, bucket.count, TOLERANCE)) bucket.count = before;
    else if (bucket.count < before) {
      bucket.count = before;
      forced = true;
    } else before = bucket.count;
  }
  return forced;
}

/**
 * The φ-quantile of a classic histogram, interpolated linearly within its bucket. In the highest
 * bucket it is the second highest bound; the lowest bucket starts at 0 unless its bound is not
 * positive. NaN without observations or without a +Inf bucket. Source: `BucketQuantile` of Prometheus 3.
 */
export function bucketQuantile(q: number, unsorted: readonly Bucket[]): { value: number; forced: boolean } {
  if (Number.isNaN(q)) return { value: Number.NaN, forced: false };
  if (q < 0) return { value: Number.NEGATIVE_INFINITY, forced: false };
  if (q > 1) return { value: Number.POSITIVE_INFINITY, forced: false };
  const buckets = sortBuckets(unsorted);
  if (buckets.at(-1)?.upper !== Number.POSITIVE_INFINITY) return { value: Number.NaN, forced: false };
  const forced = forceMonotonic(buckets);
  if (buckets.length < 2) return { value: Number.NaN, forced: false };
  const observations = buckets.at(-1)!.count;
  if (observations === 0) return { value: Number.NaN, forced: false };
  const rank = q * observations;
  const found = buckets.findIndex((bucket) => bucket.count >= rank);
  const index = found === -1 ? buckets.length - 1 : found;
  if (index === buckets.length - 1) return { value: buckets.at(-2)!.upper, forced };
  const { upper, count } = buckets[index]!;
  if (index === 0 && upper <= 0) return { value: upper, forced };
  const below = index === 0 ? { upper: 0, count: 0 } : buckets[index - 1]!;
  const share = (rank - below.count) / (count - below.count);
  return { value: below.upper + (upper - below.upper) * share, forced };
}

/**
 * The fraction of observations between two values, interpolated linearly within buckets.
 * Source: `BucketFraction` of Prometheus 3.
 */
export function bucketFraction(lower: number, upper: number, unsorted: readonly Bucket[]): number {
  const buckets = sortBuckets(unsorted);
  const total = buckets.at(-1);
  if (total?.upper !== Number.POSITIVE_INFINITY) return Number.NaN;
  if (total.count === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN;
  if (lower >= upper) return 0;
  const rankOf = (value: number) => Math.min(bucketRank(value, buckets), total.count);
  return (rankOf(upper) - rankOf(lower)) / total.count;
}

/** How many observations lie below `value`. */
function bucketRank(value: number, buckets: readonly Bucket[]): number {
  let rank = 0;
  let floor = Number.NEGATIVE_INFINITY;
  for (const [index, bucket] of buckets.entries()) {
    // As in quantiles, the lowest bucket starts at 0 when its bound is positive.
    if (index === 0 && bucket.upper > 0) floor = 0;
    if (floor >= value) return rank;
    if (bucket.upper > value)
      return rank + ((bucket.count - rank) * (value - floor)) / (bucket.upper - floor);
    rank = bucket.count;
    floor = bucket.upper;
  }
  return Number.POSITIVE_INFINITY;
}
