/** What Prometheus text exposition means to a condition: value, rate, percentiles, mean. */
import { type Labels, parseExposition } from '../metrics/index.ts';
import type { Bound, Quantity } from './bound.ts';
import { type Bucket, histogramQuantile } from './histogram.ts';

/** One reading of a metrics page, or of the lines of it that a grep let through. */
export interface Scrape {
  /** Series by their name and labels; the same series twice (two pages in one output) is summed. */
  readonly series: ReadonlyMap<string, ScrapedSeries>;
  /** Names of metrics that are neither part of a histogram or summary nor a creation time. */
  readonly plain: readonly string[];
  /** Base names of histograms, and of summaries. */
  readonly histograms: readonly string[];
  readonly summaries: readonly string[];
  /** Metrics that say or look that they only grow. */
  readonly counters: readonly string[];
  /** Lines that are no metrics. */
  readonly problems: number;
}

interface ScrapedSeries {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

const QUANTILES = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const;

export function readScrape(text: string): Scrape {
  const { samples, families, problemCount } = parseExposition(text);
  const series = new Map<string, ScrapedSeries>();
  const histograms = new Set<string>();
  const summaries = new Set<string>();
  for (const sample of samples) {
    const { __name__: name = '', ...labels } = sample.labels;
    const key = seriesKey(name, labels);
    series.set(key, { name, labels, value: (series.get(key)?.value ?? 0) + sample.value });
    if (name.endsWith('_bucket') && labels['le'] !== undefined)
      histograms.add(name.slice(0, -'_bucket'.length));
    if (labels['quantile'] !== undefined) summaries.add(name);
  }
  const partOf = (name: string): boolean => {
    const base = name.replace(/_(?:bucket|sum|count)$/, '');
    return histograms.has(base) || summaries.has(base);
  };
  const names = new Set(Array.from(series.values(), ({ name }) => name));
  const plain = [...names].filter((name) => !partOf(name) && !(name.endsWith('_created') && names.size > 1));
  const typeOf = (name: string): string | undefined =>
    families.get(name)?.type ?? families.get(name.replace(/_(?:total|sum|count)$/, ''))?.type;
  return {
    series,
    plain,
    histograms: [...histograms],
    summaries: [...summaries],
    counters: plain.filter((name) => !['gauge', 'stateset', 'info'].includes(typeOf(name) ?? 'untyped')),
    problems: problemCount,
  };
}

/** Output counts as metrics when nearly all of its lines are. */
export function isExposition(scrape: Scrape): boolean {
  return scrape.series.size > 0 && scrape.problems * 4 <= scrape.series.size;
}

/** @param earlier the same page some seconds before; without it nothing has a rate */
export function bindSamples(
  latest: Scrape,
  earlier: { readonly scrape: Scrape; readonly seconds: number } | null,
): Bound {
  const draft: Draft = {
    values: {
      series: Array.from(latest.series.values(), ({ name, labels, value }) => ({ name, labels, value })),
      values: Array.from(latest.series.values(), ({ value }) => value),
    },
    absent: { json: 'the output is metrics text, not JSON' },
    quantities: {},
  };
  bindValue(draft, latest);
  const increases = earlier ? increaseOf(earlier.scrape, latest) : null;
  bindRate(draft, latest, increases, earlier?.seconds ?? 0);
  if (latest.histograms.length === 1) bindHistogram(draft, latest, latest.histograms[0]!, increases);
  else bindSummary(draft, latest);
  return draft;
}

interface Draft {
  readonly values: Record<string, unknown>;
  readonly absent: Record<string, string>;
  readonly quantities: Record<string, Quantity>;
}

function bindValue(draft: Draft, { plain, histograms, series }: Scrape): void {
  const [name] = plain;
  if (plain.length > 1) draft.absent['value'] = `the output has ${several(plain)}: select one`;
  else if (name === undefined) {
    const what = histograms.length > 0 ? 'a histogram' : 'a summary';
    draft.absent['value'] = `the output is ${what}: use p50, p90, p95, p99, mean or rate`;
  } else {
    const value = total(series.values(), (each) => each.name === name);
    bindNumber(draft, 'value', value, unitOf(name, false), 'the metric is NaN');
  }
}

function bindRate(draft: Draft, latest: Scrape, increases: Increases | null, seconds: number): void {
  const { counters, plain, histograms } = latest;
  const name =
    counters.length === 1
      ? counters[0]
      : plain.length === 0 && histograms[0]
        ? `${histograms[0]}_count`
        : undefined;
  if (counters.length > 1) draft.absent['rate'] = `the output has ${several(counters)}: select one`;
  else if (name === undefined || histograms.length > 1) draft.absent['rate'] = 'the output has no counter';
  else if (increases === null || seconds <= 0) draft.absent['rate'] = 'there was no second sample';
  else {
    const rate = total(increases, (each) => each.name === name) / seconds;
    bindNumber(draft, 'rate', rate, unitOf(name, true), 'the metric is NaN');
  }
}

function bindHistogram(draft: Draft, latest: Scrape, base: string, increases: Increases | null): void {
  const grown = increases ? histogramOf(increases, base) : null;
  const whole = histogramOf([...latest.series.values()], base);
  const { buckets, sum, count } = grown && grown.observations > 0 ? grown : whole;
  const unit = unitOf(base, false);
  for (const [name, q] of Object.entries(QUANTILES)) {
    bindNumber(
      draft,
      name,
      histogramQuantile(q, buckets),
      unit,
      'the histogram has no observations, or not all of its buckets are in the output',
    );
  }
  bindNumber(
    draft,
    'mean',
    sum / count,
    unit,
    'the histogram has no observations, or its _sum or _count is not in the output',
  );
}

function bindSummary(draft: Draft, latest: Scrape): void {
  const why =
    latest.histograms.length > 1
      ? `the output has ${several(latest.histograms)}: select one`
      : 'the output has no histogram';
  for (const [name, q] of Object.entries(QUANTILES)) {
    const found = [...latest.series.values()].filter(
      ({ labels }) => Number(labels['quantile'] ?? Number.NaN) === q,
    );
    bindNumber(
      draft,
      name,
      found.length === 1 ? found[0]!.value : Number.NaN,
      unitOf(found[0]?.name ?? '', false),
      why,
    );
  }
  draft.absent['mean'] = why;
}

function bindNumber(draft: Draft, name: string, value: number, quantity: Quantity, otherwise: string): void {
  if (Number.isNaN(value)) draft.absent[name] = otherwise;
  else {
    draft.values[name] = value;
    draft.quantities[name] = quantity;
  }
}

type Increases = readonly ScrapedSeries[];

/** How much each series grew. One that fell was reset and started from zero; a new one grew from zero. */
function increaseOf(earlier: Scrape, latest: Scrape): Increases {
  return Array.from(latest.series, ([key, { name, labels, value }]) => {
    const before = earlier.series.get(key)?.value ?? 0;
    return { name, labels, value: value < before ? value : value - before };
  });
}

interface Histogram {
  readonly buckets: readonly Bucket[];
  readonly sum: number;
  readonly count: number;
  readonly observations: number;
}

/** The histogram over all its label sets, as `sum by (le)`. `_sum` or `_count` may be absent: then NaN. */
function histogramOf(series: Increases, base: string): Histogram {
  const byBound = new Map<number, number>();
  let sum = Number.NaN;
  let count = Number.NaN;
  for (const { name, labels, value } of series) {
    if (name === `${base}_bucket`) {
      const le = boundOf(labels['le'] ?? '');
      byBound.set(le, (byBound.get(le) ?? 0) + value);
    } else if (name === `${base}_sum`) sum = (Number.isNaN(sum) ? 0 : sum) + value;
    else if (name === `${base}_count`) count = (Number.isNaN(count) ? 0 : count) + value;
  }
  const buckets = Array.from(byBound, ([le, total_]) => ({ le, count: total_ })).filter(
    ({ le }) => !Number.isNaN(le),
  );
  return { buckets, sum, count, observations: byBound.get(Number.POSITIVE_INFINITY) ?? 0 };
}

function boundOf(le: string): number {
  return /^\+?inf(?:inity)?$/i.test(le) ? Number.POSITIVE_INFINITY : Number(le === '' ? Number.NaN : le);
}

/** What the name's suffix says; over time, seconds per second are a share (of one core). */
function unitOf(name: string, perSecond: boolean): Quantity {
  const seconds = /_seconds(?:_total|_sum)?$/.test(name);
  const share = name.endsWith('_ratio');
  if (perSecond) return seconds ? 'share' : 'per-second';
  return seconds ? 'seconds' : share ? 'share' : 'plain';
}

function total(series: Iterable<ScrapedSeries>, wanted: (each: ScrapedSeries) => boolean): number {
  let sum = 0;
  for (const each of series) if (wanted(each)) sum += each.value;
  return sum;
}

function several(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return `${names.length} metrics (${shown}${names.length > 3 ? ' …' : ''})`;
}

function seriesKey(name: string, labels: Labels): string {
  return JSON.stringify([name, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}
