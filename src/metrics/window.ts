import { labelsKey, NAME } from './labels.ts';
import { type Matcher, matches, requiredName } from './matchers.ts';
import type { Labels } from './model.ts';
import { FLOAT, HISTOGRAM, type PointKind, STALE, WindowSeries } from './window-series.ts';

export interface WindowOptions {
  /** How long points are kept behind the newest one. Default 3,600 s. */
  readonly retentionSeconds?: number;
  /** Distinct series held at once. Default 50,000. */
  readonly maxSeries?: number;
  /** Points held per series; the oldest go first. Default 20,000. */
  readonly maxPointsPerSeries?: number;
}

/** What became of an appended point. */
export type Appended = 'ok' | 'out-of-order' | 'series-limit';

/** What the window holds and what it refused, since it was made. */
export interface WindowStats {
  readonly series: number;
  readonly points: number;
  /** Points refused because `maxSeries` was reached. */
  readonly refusedBySeriesLimit: number;
  /** Points refused because they were not newer than the last of their series. */
  readonly refusedOutOfOrder: number;
}

/** Sweeps for series that ended come at most once in this share of the retention. */
const SWEEPS_PER_RETENTION = 8;

/**
 * Recent samples in memory. Each distinct label set is one series; points of a series come in time
 * order or are refused. Nothing grows beyond the bounds given, and what is refused is counted.
 */
export class SampleWindow {
  readonly #retentionMs: number;
  readonly #maxSeries: number;
  readonly #maxPoints: number;
  readonly #byKey = new Map<string, WindowSeries>();
  readonly #byName = new Map<string, Set<WindowSeries>>();
  #newest = Number.NEGATIVE_INFINITY;
  #lastSweep = Number.NEGATIVE_INFINITY;
  #refusedBySeriesLimit = 0;
  #refusedOutOfOrder = 0;

  constructor(options: WindowOptions = {}) {
    this.#retentionMs = (options.retentionSeconds ?? 3600) * 1000;
    this.#maxSeries = options.maxSeries ?? 50_000;
    this.#maxPoints = options.maxPointsPerSeries ?? 20_000;
  }

  /** Epoch ms of the newest point of all; -Infinity when the window is empty. */
  get newest(): number {
    return this.#newest;
  }

  /** Adds a sample at epoch ms `t`. The same value again at the same time is accepted and changes nothing. */
  append(labels: Labels, t: number, value: number): Appended {
    return this.#append(labels, t, value, FLOAT);
  }

  /** Says that the series ended at `t`: instant queries from then on do not see it (Prometheus's stale marker). */
  markStale(labels: Labels, t: number): Appended {
    const series = this.#byKey.get(labelsKey(labels));
    if (!series || series.lastKind === STALE) return 'ok';
    return this.#append(labels, t, Number.NaN, STALE);
  }

  /** Notes a native histogram at `t`; a query that meets it is refused as unsupported. */
  markHistogram(labels: Labels, t: number): Appended {
    return this.#append(labels, t, Number.NaN, HISTOGRAM);
  }

  /** The series that all matchers accept, in the order they were first seen. */
  select(matchers: readonly Matcher[]): WindowSeries[] {
    const name = requiredName(matchers);
    const candidates = name ? (this.#byName.get(name) ?? []) : this.#byKey.values();
    const found: WindowSeries[] = [];
    for (const series of candidates) if (matches(series.labels, matchers)) found.push(series);
    return found;
  }

  stats(): WindowStats {
    let points = 0;
    for (const series of this.#byKey.values()) points += series.size;
    return {
      series: this.#byKey.size,
      points,
      refusedBySeriesLimit: this.#refusedBySeriesLimit,
      refusedOutOfOrder: this.#refusedOutOfOrder,
    };
  }

  /** Forgets everything; the counts of refused points stay. */
  clear(): void {
    this.#byKey.clear();
    this.#byName.clear();
    this.#newest = Number.NEGATIVE_INFINITY;
    this.#lastSweep = Number.NEGATIVE_INFINITY;
  }

  #append(labels: Labels, t: number, value: number, kind: PointKind): Appended {
    const key = labelsKey(labels);
    const series = this.#byKey.get(key) ?? this.#intern(key, labels, t);
    if (!series) {
      this.#refusedBySeriesLimit++;
      return 'series-limit';
    }
    if (t <= series.lastTime) {
      if (t === series.lastTime && isSamePoint(series, value, kind)) return 'ok';
      this.#refusedOutOfOrder++;
      return 'out-of-order';
    }
    series.append(t, value, kind);
    series.forgetUntil(t - this.#retentionMs);
    if (t > this.#newest) this.#newest = t;
    if (t - this.#lastSweep > this.#retentionMs / SWEEPS_PER_RETENTION) this.#sweep(t);
    return 'ok';
  }

  #intern(key: string, labels: Labels, t: number): WindowSeries | undefined {
    if (this.#byKey.size >= this.#maxSeries) this.#sweep(t);
    if (this.#byKey.size >= this.#maxSeries) return undefined;
    const series = new WindowSeries(labels, this.#maxPoints);
    this.#byKey.set(key, series);
    const name = labels[NAME] ?? '';
    const named = this.#byName.get(name);
    if (named) named.add(series);
    else this.#byName.set(name, new Set([series]));
    return series;
  }

  /** Drops points beyond the retention, and series that have none left. */
  #sweep(now: number): void {
    if (now === this.#lastSweep) return;
    this.#lastSweep = now;
    const oldest = Math.max(this.#newest, now) - this.#retentionMs;
    for (const [key, series] of this.#byKey) {
      series.forgetUntil(oldest);
      if (series.size > 0) continue;
      this.#byKey.delete(key);
      const name = series.labels[NAME] ?? '';
      const named = this.#byName.get(name);
      named?.delete(series);
      if (named?.size === 0) this.#byName.delete(name);
    }
  }
}

function isSamePoint(series: WindowSeries, value: number, kind: PointKind): boolean {
  const last = series.firstAfter(series.lastTime) - 1;
  return series.kind(last) === kind && Object.is(series.value(last), value);
}
