import { AllclearError, type Clock, systemClock } from '../../kernel/index.ts';
import type { Labels } from '../model.ts';
import type { SampleWindow } from '../window.ts';
import type { Expr } from './ast.ts';
import { failed, placeIn } from './failure.ts';

/** One element of an instant vector while it is computed. */
export interface VectorSample {
  readonly labels: Labels;
  readonly value: number;
  /** Epoch ms of the sample; the evaluation time for computed ones. */
  readonly t: number;
  /** The metric's name goes when the query is done; until then `label_replace` and `by` still see it. */
  readonly dropName: boolean;
}

/** One series of a range vector: points in time order, none stale. */
export interface RangeSeries {
  readonly labels: Labels;
  readonly dropName: boolean;
  readonly times: ArrayLike<number>;
  readonly values: ArrayLike<number>;
}

export type Value =
  | { readonly type: 'scalar'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'vector'; readonly samples: readonly VectorSample[] }
  | RangeVector;

export interface RangeVector {
  readonly type: 'matrix';
  readonly series: readonly RangeSeries[];
  /** Epoch ms: the points lie in (start, end]. */
  readonly start: number;
  readonly end: number;
  /** The first and last points lie on the ends (`anchored`, `smoothed`): nothing is to be extrapolated. */
  readonly onEnds: boolean;
}

/** A remark on a result, as Prometheus shows beside it. */
export interface Annotation {
  readonly level: 'warn' | 'info';
  /** With Prometheus's prefix and the place in the query. */
  readonly message: string;
}

export interface EvaluationOptions {
  /** How far an instant selector looks back. Default 300,000 ms. */
  readonly lookbackMs?: number;
  /** Step of a subquery that states none. Default 60,000 ms. */
  readonly subqueryStepMs?: number;
  /** Points and samples a query may touch; more is `E_PROMQL_FAILED`. Default 50,000,000. */
  readonly maxSamples?: number;
  /** Time a query may take; more is `E_TIMEOUT`. Default 10,000 ms. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** How far a selector looks back unless told otherwise, ms. */
export const LOOKBACK_MS = 300_000;

const CHECK_EVERY = 20_000;
const MAX_ANNOTATIONS = 100;

/** What all parts of one query's evaluation share: the data, the query's times, and its bounds. */
export class Evaluation {
  readonly window: SampleWindow;
  readonly lookbackMs: number;
  readonly subqueryStepMs: number;
  /** First and last evaluation time of the query, epoch ms. */
  readonly startMs: number;
  readonly endMs: number;
  /** 0 for an instant query. */
  readonly stepMs: number;
  readonly #text: string;
  readonly #maxSamples: number;
  readonly #deadline: number;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #clock: Clock;
  readonly #annotations = new Map<string, Annotation>();
  readonly #keys = new Map<Expr, WeakMap<Labels, string>>();
  readonly #labels = new Map<Expr, Map<string, Labels>>();
  #spent = 0;
  #nextCheck = CHECK_EVERY;

  constructor(
    text: string,
    window: SampleWindow,
    times: { startMs: number; endMs: number; stepMs: number },
    options: EvaluationOptions,
  ) {
    this.window = window;
    this.startMs = times.startMs;
    this.endMs = times.endMs;
    this.stepMs = times.stepMs;
    this.lookbackMs = options.lookbackMs ?? LOOKBACK_MS;
    this.subqueryStepMs = options.subqueryStepMs ?? 60_000;
    this.#text = text;
    this.#maxSamples = options.maxSamples ?? 50_000_000;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#signal = options.signal;
    this.#clock = options.clock ?? systemClock;
    this.#deadline = this.#clock.monotonic() + this.#timeoutMs;
  }

  /** Counts work done. Throws `E_PROMQL_FAILED`, `E_TIMEOUT` or `E_CANCELLED` when a bound is met. */
  spend(samples: number): void {
    this.#spent += samples;
    if (this.#spent < this.#nextCheck) return;
    this.#nextCheck = this.#spent + CHECK_EVERY;
    if (this.#spent > this.#maxSamples) {
      throw failed(
        `the query touches more than ${this.#maxSamples} samples`,
        'Narrow the selectors, or shorten the range.',
      );
    }
    if (this.#signal?.aborted) throw new AllclearError('E_CANCELLED', { what: 'the query was stopped' });
    if (this.#clock.monotonic() > this.#deadline) {
      throw new AllclearError('E_TIMEOUT', {
        what: `the query takes longer than ${this.#timeoutMs} ms`,
        next: 'Narrow the selectors, or shorten the range.',
      });
    }
  }

  /** Adds a remark about the part of the query at `expr`. */
  annotate(level: Annotation['level'], message: string, expr: Expr): void {
    const prefix = level === 'warn' ? 'PromQL warning' : 'PromQL info';
    const text = `${prefix}: ${message} (${placeIn(this.#text, expr.from)})`;
    if (this.#annotations.size < MAX_ANNOTATIONS) this.#annotations.set(text, { level, message: text });
  }

  get annotations(): readonly Annotation[] {
    return [...this.#annotations.values()];
  }

  /** A key of `labels` that `expr` needs at every step, computed once. */
  keyFor(expr: Expr, labels: Labels, compute: (labels: Labels) => string): string {
    let known = this.#keys.get(expr);
    if (!known) {
      known = new WeakMap();
      this.#keys.set(expr, known);
    }
    let key = known.get(labels);
    if (key === undefined) {
      key = compute(labels);
      known.set(labels, key);
    }
    return key;
  }

  /** Labels that `expr` produces at every step, made once. */
  labelsFor(expr: Expr, key: string, make: () => Labels): Labels {
    let known = this.#labels.get(expr);
    if (!known) {
      known = new Map();
      this.#labels.set(expr, known);
    }
    let labels = known.get(key);
    if (!labels) {
      labels = make();
      known.set(key, labels);
    }
    return labels;
  }
}
