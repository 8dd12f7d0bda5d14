import { dropName, labelsKey, noLabels } from '../labels.ts';
import type { QueryResult, Sample, Series } from '../model.ts';
import type { SampleWindow } from '../window.ts';
import { aggregate } from './aggregate.ts';
import type { Call, Expr } from './ast.ts';
import { evaluateBinary } from './binary.ts';
import { evaluateCall } from './call.ts';
import {
  type Annotation,
  Evaluation,
  type EvaluationOptions,
  type Value,
  type VectorSample,
} from './evaluation.ts';
import { failed } from './failure.ts';
import { parsePromql } from './parse.ts';
import { evaluateRangeSelector, evaluateSelector, evaluateSubquery, sameLabels } from './selectors.ts';

const MAX_STEPS = 100_000;

/** A result with the remarks Prometheus would show beside it. */
export interface Evaluated<Result> {
  readonly result: Result;
  readonly annotations: readonly Annotation[];
}

/**
 * Evaluates a query at one time.
 * @param query text, parsed first
 * @param atMs epoch milliseconds
 * Throws `E_PROMQL_SYNTAX`, `E_PROMQL_UNSUPPORTED`, `E_PROMQL_FAILED`, `E_TIMEOUT`, `E_CANCELLED`.
 */
export function evaluateInstant(
  query: string,
  window: SampleWindow,
  atMs: number,
  options: EvaluationOptions = {},
): QueryResult {
  return evaluateInstantAnnotated(query, window, atMs, options).result;
}

/** As `evaluateInstant`, with the remarks. */
export function evaluateInstantAnnotated(
  query: string,
  window: SampleWindow,
  atMs: number,
  options: EvaluationOptions = {},
): Evaluated<QueryResult> {
  const expr = parsePromql(query);
  const ev = new Evaluation(query, window, { startMs: atMs, endMs: atMs, stepMs: 0 }, options);
  const value = evaluate(expr, atMs, ev);
  return { result: toResult(value), annotations: ev.annotations };
}

/** First and last time and the step of a range query, in milliseconds. */
export interface QueryRange {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** Evaluates a query at every step of a range, both ends included; one series per label set. Throws as `evaluateInstant`. */
export function evaluateRange(
  query: string,
  window: SampleWindow,
  range: QueryRange,
  options: EvaluationOptions = {},
): Series[] {
  return evaluateRangeAnnotated(query, window, range, options).result;
}

/** As `evaluateRange`, with the remarks. */
export function evaluateRangeAnnotated(
  query: string,
  window: SampleWindow,
  range: QueryRange,
  options: EvaluationOptions = {},
): Evaluated<Series[]> {
  const expr = parsePromql(query);
  const { startMs, endMs, stepMs } = range;
  if (!(stepMs > 0) || (endMs - startMs) / stepMs > MAX_STEPS) {
    throw failed(`the step must be positive, and a range has at most ${MAX_STEPS} steps`);
  }
  const ev = new Evaluation(query, window, range, options);
  const series = new Map<string, { labels: Sample['labels']; points: { t: number; value: number }[] }>();
  for (let t = startMs; t <= endMs; t += stepMs) {
    ev.spend(1);
    for (const { labels, value } of asVector(evaluate(expr, t, ev), t)) {
      const key = labelsKey(labels);
      const known = series.get(key);
      if (!known) series.set(key, { labels, points: [{ t, value }] });
      else if (known.points.at(-1)!.t === t) throw sameLabels();
      else known.points.push({ t, value });
    }
  }
  return { result: [...series.values()], annotations: ev.annotations };
}

function asVector(value: Value, t: number): readonly VectorSample[] {
  if (value.type === 'scalar') return [{ labels: noLabels(), value: value.value, t, dropName: false }];
  if (value.type === 'vector') return named(value.samples);
  const type = value.type === 'string' ? 'string' : 'range vector';
  throw failed(`invalid expression type "${type}" for range query, must be Scalar or instant Vector`);
}

/** Drops the names that were marked on the way. */
function named(samples: readonly VectorSample[]): VectorSample[] {
  return samples.map((sample) => (sample.dropName ? { ...sample, labels: dropName(sample.labels) } : sample));
}

function toResult(value: Value): QueryResult {
  switch (value.type) {
    case 'scalar':
    case 'string':
      return value;
    case 'vector': {
      const samples = named(value.samples);
      const seen = new Set(samples.map((sample) => labelsKey(sample.labels)));
      if (seen.size < samples.length) throw sameLabels();
      return {
        type: 'vector',
        samples: samples.map((sample) => ({ labels: sample.labels, value: sample.value })),
      };
    }
    case 'matrix':
      return { type: 'matrix', series: toSeries(value) };
  }
}

function toSeries(value: Extract<Value, { type: 'matrix' }>): Series[] {
  const seen = new Set<string>();
  return value.series.map(({ labels, dropName: drops, times, values }) => {
    const shown = drops ? dropName(labels) : labels;
    const key = labelsKey(shown);
    if (seen.has(key)) throw sameLabels();
    seen.add(key);
    return { labels: shown, points: Array.from(times, (t, index) => ({ t, value: values[index]! })) };
  });
}

/** Evaluates a part of a query at `t`. */
function evaluate(expr: Expr, t: number, ev: Evaluation): Value {
  ev.spend(1);
  switch (expr.kind) {
    case 'number':
      return { type: 'scalar', value: expr.value };
    case 'string':
      return { type: 'string', value: expr.value };
    case 'selector':
      // Outside `timestamp` a sample counts as of the evaluation time.
      return { type: 'vector', samples: evaluateSelector(expr, t, ev).map((sample) => ({ ...sample, t })) };
    case 'range':
      return evaluateRangeSelector(expr, t, ev);
    case 'subquery':
      return evaluateSubquery(expr, t, ev, (at) => evaluate(expr.expr, at, ev));
    case 'negation':
      return negate(evaluate(expr.expr, t, ev));
    case 'binary':
      return evaluateBinary(expr, evaluate(expr.left, t, ev), evaluate(expr.right, t, ev), t, ev);
    case 'aggregate': {
      const param = expr.param && evaluate(expr.param, t, ev);
      const value = evaluate(expr.expr, t, ev);
      return {
        type: 'vector',
        samples: aggregate(expr, value.type === 'vector' ? value.samples : [], param, t, ev),
      };
    }
    case 'call':
      return evaluateCall(expr, argumentsOf(expr, t, ev), t, ev);
  }
}

function argumentsOf(expr: Call, t: number, ev: Evaluation): Value[] {
  const [first] = expr.args;
  if (expr.name === 'timestamp' && first?.kind === 'selector') {
    return [{ type: 'vector', samples: evaluateSelector(first, t, ev) }];
  }
  if (first?.kind === 'range' && first.selector.reach !== null) {
    return [evaluateRangeSelector(first, t, ev, expr.name === 'rate' || expr.name === 'increase')];
  }
  if (expr.name === 'info') return [evaluate(first!, t, ev)];
  return expr.args.map((argument) => evaluate(argument, t, ev));
}

function negate(value: Value): Value {
  if (value.type === 'scalar') return { type: 'scalar', value: -value.value };
  if (value.type !== 'vector') return value;
  return {
    type: 'vector',
    samples: value.samples.map((sample) => ({ ...sample, value: -sample.value, dropName: true })),
  };
}
