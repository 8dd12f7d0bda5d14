import { NAME, noLabels, withLabels } from '../labels.ts';
import { formatFloat } from '../numbers.ts';
import { sortByValue } from './aggregate.ts';
import type { Call, Expr } from './ast.ts';
import type { Evaluation, RangeVector, Value, VectorSample } from './evaluation.ts';
import { unsupported } from './failure.ts';
import { bucketFraction, bucketQuantile, groupBuckets, ofMetric } from './histogram.ts';
import { joinInfo } from './info.ts';
import { labelJoin, labelReplace, requiredLabels, sortByLabels } from './label-functions.ts';
import { maxOf, minOf } from './numeric.ts';
import { rangeFunctions } from './range-functions.ts';
import { dateFunctions, floatFunctions } from './vector-functions.ts';

/** The evaluated arguments of a call, by type. */
interface Arguments {
  readonly vector: readonly VectorSample[];
  readonly matrix: RangeVector | undefined;
  readonly scalars: readonly number[];
  readonly texts: readonly string[];
}

/** Evaluates a function on its evaluated arguments. */
export function evaluateCall(call: Call, values: readonly Value[], t: number, ev: Evaluation): Value {
  const args: Arguments = {
    vector: values.flatMap((value) => (value.type === 'vector' ? value.samples : [])),
    matrix: values.find((value) => value.type === 'matrix'),
    scalars: values.flatMap((value) => (value.type === 'scalar' ? [value.value] : [])),
    texts: values.flatMap((value) => (value.type === 'string' ? [value.value] : [])),
  };
  const scalar = scalarCall(call, args, t, ev);
  if (scalar !== undefined) return { type: 'scalar', value: scalar };
  return { type: 'vector', samples: vectorCall(call, args, t, ev) };
}

function scalarCall(call: Call, args: Arguments, t: number, ev: Evaluation): number | undefined {
  switch (call.name) {
    case 'time':
      return t / 1000;
    case 'pi':
      return Math.PI;
    case 'start':
      return ev.startMs / 1000;
    case 'end':
      return ev.endMs / 1000;
    case 'step':
      return ev.stepMs / 1000;
    case 'range':
      return (ev.endMs - ev.startMs) / 1000;
    case 'min_of':
      return minOf(args.scalars[0]!, args.scalars[1]!);
    case 'max_of':
      return maxOf(args.scalars[0]!, args.scalars[1]!);
    case 'scalar':
      return args.vector.length === 1 ? args.vector[0]!.value : Number.NaN;
    default:
      return undefined;
  }
}

function vectorCall(call: Call, args: Arguments, t: number, ev: Evaluation): VectorSample[] {
  const { vector, matrix, scalars, texts } = args;
  ev.spend(vector.length);
  switch (call.name) {
    case 'absent':
    case 'absent_over_time':
      if (vector.length > 0 || (matrix?.series.length ?? 0) > 0) return [];
      return [{ labels: absentLabels(call.args[0]!), value: 1, t, dropName: false }];
    case 'vector':
      return [{ labels: noLabels(), value: scalars[0]!, t, dropName: false }];
    case 'timestamp':
      return vector.map((sample) => ({ ...sample, value: sample.t / 1000, t, dropName: true }));
    case 'sort':
    case 'sort_desc':
      return sortByValue(vector, call.name === 'sort_desc');
    case 'sort_by_label':
    case 'sort_by_label_desc':
      return sortByLabels(vector, texts, call.name === 'sort_by_label_desc');
    case 'label_replace':
      return labelReplace(vector, texts);
    case 'info':
      return joinInfo(call, vector, t, ev);
    case 'label_join':
      return labelJoin(vector, texts);
    case 'histogram_quantile':
    case 'histogram_quantiles':
      return quantiles(call, args, t, ev);
    case 'histogram_fraction':
      return fractions(call, args, t, ev);
    case 'clamp':
      if (scalars[1]! < scalars[0]!) return [];
      break;
    default:
      break;
  }
  if (matrix) return overRanges(call, matrix, scalars, t, ev);
  return overElements(call, vector, scalars, t);
}

function overElements(
  call: Call,
  vector: readonly VectorSample[],
  scalars: readonly number[],
  t: number,
): VectorSample[] {
  const dated = dateFunctions.get(call.name);
  if (dated && call.args.length === 0) {
    return [{ labels: noLabels(), value: dated(Math.floor(t / 1000), []), t, dropName: false }];
  }
  const apply = dated ?? floatFunctions.get(call.name);
  if (!apply) throw unsupported(`the function ${call.name}`, 'the built-in evaluator does not know it');
  return vector.map(({ labels, value }) => ({ labels, value: apply(value, scalars), t, dropName: true }));
}

/** These give back samples as they were, so the metric keeps its name. */
const KEEP_NAME: ReadonlySet<string> = new Set(['first_over_time', 'last_over_time']);
const COUNTER_NAME = /_(?:total|sum|count|bucket)$/;

function overRanges(
  call: Call,
  matrix: RangeVector,
  scalars: readonly number[],
  t: number,
  ev: Evaluation,
): VectorSample[] {
  const apply = rangeFunctions.get(call.name);
  if (!apply) throw unsupported(`the function ${call.name}`, 'the built-in evaluator does not know it');
  if (call.name === 'quantile_over_time') warnOfQuantile(scalars[0]!, call.args[0]!, ev);
  const result: VectorSample[] = [];
  for (const { labels, dropName, times, values } of matrix.series) {
    const value = apply(
      { times, values, start: matrix.start, end: matrix.end, onEnds: matrix.onEnds, t },
      scalars,
    );
    if (value === undefined) continue;
    result.push({ labels, value, t, dropName: dropName || !KEEP_NAME.has(call.name) });
    const name = labels[NAME] ?? '';
    if ((call.name === 'rate' || call.name === 'increase') && name !== '' && !COUNTER_NAME.test(name)) {
      const what = 'metric might not be a counter, name does not end in _total/_sum/_count/_bucket';
      ev.annotate('info', `${what}: ${JSON.stringify(name)}`, call.args[0]!);
    }
  }
  return result;
}

function warnOfQuantile(q: number, expr: Expr, ev: Evaluation): void {
  if (q >= 0 && q <= 1) return;
  ev.annotate('warn', `quantile value should be between 0 and 1, got ${formatFloat(q)}`, expr);
}

function quantiles(call: Call, args: Arguments, t: number, ev: Evaluation): VectorSample[] {
  const [label] = args.texts;
  const vectorAt = label === undefined ? 1 : 0;
  args.scalars.forEach((q, index) =>
    warnOfQuantile(q, call.args[label === undefined ? index : index + 2]!, ev),
  );
  const histograms = [...groupBuckets(args.vector, call.args[vectorAt]!, ev)];
  return args.scalars.flatMap((q) =>
    histograms.map(({ labels, buckets }) => {
      const { value, forced } = bucketQuantile(q, buckets);
      if (forced) {
        const what =
          'input to histogram_quantile needed to be fixed for monotonicity (see ' +
          'https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)';
        ev.annotate('info', `${what}${ofMetric(labels)}`, call.args[vectorAt]!);
      }
      const named = label === undefined ? labels : withLabels(labels, [[label, openMetricsFloat(q)]]);
      return { labels: named, value, t, dropName: true };
    }),
  );
}

// OpenMetrics writes whole numbers with `.0`.
function openMetricsFloat(value: number): string {
  const text = formatFloat(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function fractions(call: Call, { vector, scalars }: Arguments, t: number, ev: Evaluation): VectorSample[] {
  return Array.from(groupBuckets(vector, call.args[2]!, ev), ({ labels, buckets }) => ({
    labels,
    value: bucketFraction(scalars[0]!, scalars[1]!, buckets),
    t,
    dropName: true,
  }));
}

function absentLabels(expr: Expr) {
  if (expr.kind === 'selector') return requiredLabels(expr.matchers);
  if (expr.kind === 'range') return requiredLabels(expr.selector.matchers);
  return noLabels();
}
