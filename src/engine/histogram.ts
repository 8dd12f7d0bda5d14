/** Quantiles of a classic histogram, as Prometheus's `histogram_quantile` computes them. */

export interface Bucket {
  /** The upper bound, inclusive: the label `le`. */
  readonly le: number;
  /** Observations up to it (cumulative). */
  readonly count: number;
}

/**
 * The value below which the share `q` of the observations lies, interpolated within its bucket.
 * @returns NaN without a `+Inf` bucket, with fewer than two buckets, or without observations
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
 */
export function histogramQuantile(q: number, buckets: readonly Bucket[]): number {
  const sorted = monotonic(buckets.toSorted((a, b) => a.le - b.le));
  const last = sorted.at(-1);
  if (sorted.length < 2 || last?.le !== Number.POSITIVE_INFINITY || !(last.count > 0)) return Number.NaN;
  const rank = q * last.count;
  const index = sorted.findIndex((bucket) => bucket.count >= rank);
  if (index === sorted.length - 1) return sorted.at(-2)!.le;
  const { le, count } = sorted[index]!;
  if (index === 0 && le <= 0) return le;
  const below = index === 0 ? { le: 0, count: 0 } : sorted[index - 1]!;
  return below.le + (le - below.le) * ((rank - below.count) / (count - below.count));
}

/** Counts never fall from bucket to bucket; a scrape in the middle of an update can look so. */
function monotonic(sorted: readonly Bucket[]): Bucket[] {
  let most = 0;
  return sorted.map(({ le, count }) => {
    most = Math.max(most, count);
    return { le, count: most };
  });
}
