import {
  keyOf,
  labelsKey,
  makeLabels,
  NAME,
  noLabels,
  onlyLabels,
  quote,
  withLabels,
  withoutLabels,
} from '../labels.ts';
import type { Labels } from '../model.ts';
import { formatPlainFloat } from '../numbers.ts';
import type { Aggregate } from './ast.ts';
import type { Evaluation, Value, VectorSample } from './evaluation.ts';
import { failed } from './failure.ts';
import { byValue, mean, PreciseSum, quantile } from './numeric.ts';

interface Group {
  readonly labels: Labels;
  readonly samples: VectorSample[];
}

/** One number from the values of a group, in the order they come; `param` is the φ of `quantile`. */
type Reduction = (values: readonly number[], param: number) => number;

/** Aggregations that give one number per group. */
const reductions: ReadonlyMap<string, Reduction> = new Map<string, Reduction>([
  ['sum', sum],
  ['avg', mean],
  ['count', (values) => values.length],
  ['group', () => 1],
  ['min', (values) => values.reduce((best, value) => (best > value || Number.isNaN(best) ? value : best))],
  ['max', (values) => values.reduce((best, value) => (best < value || Number.isNaN(best) ? value : best))],
  ['stdvar', variance],
  ['stddev', (values) => Math.sqrt(variance(values))],
  ['quantile', (values, q) => quantile(q, values)],
]);

/**
 * Applies an aggregation to an instant vector.
 * @param param the evaluated parameter of topk, quantile and the like
 */
export function aggregate(
  expr: Aggregate,
  samples: readonly VectorSample[],
  param: Value | null,
  t: number,
  ev: Evaluation,
): VectorSample[] {
  if (expr.op === 'count_values') {
    return countValues(expr, samples, param?.type === 'string' ? param.value : '', t, ev);
  }
  const number = param?.type === 'scalar' ? param.value : Number.NaN;
  if (expr.op === 'quantile' && !(number >= 0 && number <= 1)) {
    const got = formatPlainFloat(number);
    ev.annotate('warn', `quantile value should be between 0 and 1, got ${got}`, expr.param ?? expr);
  }
  if (expr.op === 'topk' || expr.op === 'bottomk' || expr.op === 'limitk')
    return takeK(expr, samples, number, ev);
  const reduce = reductions.get(expr.op)!;
  return groupSamples(expr, samples, ev).map((group) => ({
    labels: group.labels,
    value: reduce(
      group.samples.map((sample) => sample.value),
      number,
    ),
    t,
    dropName: group.samples.some((sample) => sample.dropName),
  }));
}

function groupSamples(expr: Aggregate, samples: readonly VectorSample[], ev: Evaluation): Group[] {
  const groups = new Map<string, Group>();
  const names = expr.without ? new Set([...expr.grouping, NAME]) : new Set(expr.grouping);
  const keyOfLabels = expr.without
    ? (labels: Labels) => labelsKey(withoutLabels(labels, names))
    : (labels: Labels) => keyOf(labels, expr.grouping);
  for (const sample of samples) {
    const key = expr.without || names.size > 0 ? ev.keyFor(expr, sample.labels, keyOfLabels) : '';
    const known = groups.get(key);
    if (known) {
      known.samples.push(sample);
      continue;
    }
    const labels = ev.labelsFor(expr, key, () => {
      if (expr.without) return withoutLabels(sample.labels, names);
      return names.size === 0 ? noLabels() : onlyLabels(sample.labels, names);
    });
    groups.set(key, { labels, samples: [sample] });
  }
  return [...groups.values()];
}

function sum(values: readonly number[]): number {
  const total = new PreciseSum(values[0]);
  for (const value of values.slice(1)) total.add(value);
  return total.value;
}

// Welford's method, without compensation, as Prometheus aggregates.
function variance(values: readonly number[]): number {
  let average = 0;
  let squares = 0;
  values.forEach((value, index) => {
    const delta = value - average;
    average += delta / (index + 1);
    squares += delta * (value - average);
  });
  // One infinite value makes the deviation from itself NaN.
  return squares / values.length;
}

/** topk and bottomk put the best first and NaN last; limitk takes them as they come. */
function takeK(
  expr: Aggregate,
  samples: readonly VectorSample[],
  param: number,
  ev: Evaluation,
): VectorSample[] {
  if (Number.isNaN(param)) throw failed('Parameter value is NaN');
  if (param >= 2 ** 63) throw failed(`Scalar value ${param} overflows int64`);
  if (param <= -(2 ** 63)) throw failed(`Scalar value ${param} underflows int64`);
  const count = Math.trunc(param);
  if (count < 1) return [];
  return groupSamples(expr, samples, ev).flatMap((group) => {
    if (expr.op === 'limitk') return group.samples.slice(0, count);
    return sortByValue(group.samples, expr.op === 'topk').slice(0, count);
  });
}

/** A stable sort with NaN last in both directions. */
export function sortByValue(samples: readonly VectorSample[], descending: boolean): VectorSample[] {
  const ascending = (a: VectorSample, b: VectorSample) => {
    if (Number.isNaN(a.value) || Number.isNaN(b.value)) return byValue(b.value, a.value);
    return descending ? byValue(b.value, a.value) : byValue(a.value, b.value);
  };
  return samples.toSorted(ascending);
}

function countValues(
  expr: Aggregate,
  samples: readonly VectorSample[],
  label: string,
  t: number,
  ev: Evaluation,
): VectorSample[] {
  if (label === '' || !label.isWellFormed()) throw failed(`invalid label name ${quote(label)}`);
  const names = new Set(expr.without ? [...expr.grouping, NAME] : [...expr.grouping, label]);
  const counts = new Map<string, { labels: Labels; count: number }>();
  for (const sample of samples) {
    ev.spend(1);
    const valued = withLabels(sample.labels, [[label, formatPlainFloat(sample.value)]]);
    // The new label counts even when `without` names it.
    const labels = expr.without
      ? makeLabels(Object.entries(valued).filter(([name]) => !names.has(name)))
      : onlyLabels(valued, names);
    const key = labelsKey(labels);
    const known = counts.get(key);
    if (known) known.count++;
    else counts.set(key, { labels, count: 1 });
  }
  return [...counts.values()].map(({ labels, count }) => ({ labels, value: count, t, dropName: false }));
}
