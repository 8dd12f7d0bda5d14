import { type Clock, systemClock } from '../kernel/index.ts';
import type { MetricsSource, QueryResult } from './model.ts';
import { evaluateInstant } from './promql/evaluate.ts';
import type { SampleWindow } from './window.ts';

export interface WindowSourceOptions {
  readonly clock?: Clock;
  /** How far an instant selector looks back. Default 300,000 ms, as Prometheus. */
  readonly lookbackMs?: number;
  /** Default 10,000 ms. */
  readonly timeoutMs?: number;
}

/** Answers PromQL from the built-in window. */
export class WindowSource implements MetricsSource {
  readonly name = 'built-in window';
  readonly #window: SampleWindow;
  readonly #options: WindowSourceOptions;

  constructor(window: SampleWindow, options: WindowSourceOptions = {}) {
    this.#window = window;
    this.#options = options;
  }

  /**
   * @param options.at epoch ms; now when absent
   * Throws `E_PROMQL_SYNTAX`, `E_PROMQL_UNSUPPORTED`, `E_PROMQL_FAILED`, `E_TIMEOUT`, `E_CANCELLED`.
   */
  async query(expression: string, options: { at?: number; signal?: AbortSignal } = {}): Promise<QueryResult> {
    const at = options.at ?? (this.#options.clock ?? systemClock).now();
    return evaluateInstant(expression, this.#window, at, { ...this.#options, signal: options.signal });
  }
}
