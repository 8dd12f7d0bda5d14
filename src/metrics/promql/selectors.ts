import { labelsKey } from '../labels.ts';
import { FLOAT, HISTOGRAM, STALE, type WindowSeries } from '../window-series.ts';
import type { RangeSelector, Selector, Shift, Subquery } from './ast.ts';
import { resolveDuration } from './compile-duration.ts';
import type { Evaluation, RangeSeries, RangeVector, Value, VectorSample } from './evaluation.ts';
import { failed, unsupported } from './failure.ts';
import { onEnds, smoothedAt } from './reach.ts';

/** The time a selector refers to when the query is evaluated at `t`. */
function referenceTime(shift: Shift, t: number, ev: Evaluation): number {
  const base = shift.at === 'start' ? ev.startMs : shift.at === 'end' ? ev.endMs : (shift.at ?? t);
  return base - resolveDuration(shift.offset, ev.stepMs, ev.endMs - ev.startMs);
}

/**
 * The newest sample of each series within the look-back, which is open on the left (Prometheus 3).
 * A stale marker hides the series.
 */
export function evaluateSelector(expr: Selector, t: number, ev: Evaluation): VectorSample[] {
  if (expr.reach === 'smoothed') return evaluateSmoothed(expr, t, ev);
  const reference = referenceTime(expr, t, ev);
  const samples: VectorSample[] = [];
  const found = ev.window.select(expr.matchers);
  ev.spend(found.length + 1);
  for (const series of found) {
    const index = series.firstAfter(reference) - 1;
    if (index < series.first || series.time(index) <= reference - ev.lookbackMs) continue;
    const kind = series.kind(index);
    if (kind === STALE) continue;
    if (kind === HISTOGRAM) throw nativeHistogram();
    samples.push({
      labels: series.labels,
      value: series.value(index),
      t: series.time(index),
      dropName: false,
    });
  }
  return samples;
}

/** The value of each series at the time itself, between its points of one look-back before and after. */
function evaluateSmoothed(expr: Selector, t: number, ev: Evaluation): VectorSample[] {
  const at = referenceTime(expr, t, ev);
  const found = ev.window.select(expr.matchers);
  ev.spend(found.length + 1);
  return found.flatMap((series) => {
    const points = pointsBetween(series, at - ev.lookbackMs, at + ev.lookbackMs);
    ev.spend(points.times.length);
    const value = smoothedAt(points, at);
    return value === undefined ? [] : [{ labels: series.labels, value, t: at, dropName: false }];
  });
}

/**
 * The points of each series in (reference − range, reference], stale markers left out.
 * @param counter for `smoothed`: a smaller value means a counter that began again
 */
export function evaluateRangeSelector(
  expr: RangeSelector,
  t: number,
  ev: Evaluation,
  counter = false,
): RangeVector {
  const { reach } = expr.selector;
  const end = referenceTime(expr.selector, t, ev);
  const start = end - positive(resolveDuration(expr.range, ev.stepMs, ev.endMs - ev.startMs));
  const found = ev.window.select(expr.selector.matchers);
  ev.spend(found.length + 1);
  const series: RangeSeries[] = [];
  for (const candidate of found) {
    const from = reach === null ? start : start - ev.lookbackMs;
    const to = reach === 'smoothed' ? end + ev.lookbackMs : end;
    const near = pointsBetween(candidate, from, to);
    ev.spend(near.times.length);
    const points = reach === null ? near : onEnds(near, { start, end, reach, counter });
    if (!points || points.times.length === 0) continue;
    series.push({ labels: candidate.labels, dropName: false, ...points });
  }
  return { type: 'matrix', series, start, end, onEnds: reach !== null };
}

function pointsBetween(
  series: WindowSeries,
  start: number,
  end: number,
): Pick<RangeSeries, 'times' | 'values'> {
  const from = series.firstAfter(start);
  const to = series.firstAfter(end);
  if (series.allFloats(from, to)) return { times: series.times(from, to), values: series.values(from, to) };
  const times: number[] = [];
  const values: number[] = [];
  for (let index = from; index < to; index++) {
    const kind = series.kind(index);
    if (kind === HISTOGRAM) throw nativeHistogram();
    if (kind !== FLOAT) continue;
    times.push(series.time(index));
    values.push(series.value(index));
  }
  return { times, values };
}

/** One series that a subquery collects. */
interface Collected {
  labels: VectorSample['labels'];
  dropName: boolean;
  times: number[];
  values: number[];
}

/**
 * Evaluates the inner expression at the multiples of the step that lie in (reference − range, reference].
 * @param evaluate how to evaluate the inner expression at a time
 */
export function evaluateSubquery(
  expr: Subquery,
  t: number,
  ev: Evaluation,
  evaluate: (t: number) => Value,
): RangeVector {
  const queryRange = ev.endMs - ev.startMs;
  const end = referenceTime(expr, t, ev);
  const start = end - positive(resolveDuration(expr.range, ev.stepMs, queryRange));
  const step =
    expr.step === null ? ev.subqueryStepMs : positive(resolveDuration(expr.step, ev.stepMs, queryRange));
  const collected = new Map<string, Collected>();
  for (let at = (Math.floor(start / step) + 1) * step; at <= end; at += step) {
    ev.spend(1);
    const value = evaluate(at);
    if (value.type !== 'vector') continue;
    ev.spend(value.samples.length);
    for (const sample of value.samples) add(collected, labelsKey(sample.labels), sample, at);
  }
  return { type: 'matrix', series: [...collected.values()], start, end, onEnds: false };
}

function add(collected: Map<string, Collected>, key: string, sample: VectorSample, t: number): void {
  const known = collected.get(key);
  if (!known) {
    collected.set(key, {
      labels: sample.labels,
      dropName: sample.dropName,
      times: [t],
      values: [sample.value],
    });
    return;
  }
  if (known.times.at(-1) === t) throw sameLabels();
  known.times.push(t);
  known.values.push(sample.value);
}

function positive(ms: number): number {
  if (ms <= 0) throw failed('duration must be greater than 0');
  return ms;
}

function nativeHistogram() {
  return unsupported('a native histogram', 'the built-in window keeps floats');
}

/** Two elements of a result may not have the same labels. */
export function sameLabels() {
  return failed('vector cannot contain metrics with the same labelset');
}
