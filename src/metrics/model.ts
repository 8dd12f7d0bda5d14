/** Samples, series and query results, as Prometheus defines them. Times are epoch milliseconds. */

/** Label name → value; the metric's name is the label `__name__`. */
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Series {
  readonly labels: Labels;
  readonly points: readonly { readonly t: number; readonly value: number }[];
}

/** What an instant query gives. */
export type QueryResult =
  | { readonly type: 'scalar'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'vector'; readonly samples: readonly Sample[] }
  | { readonly type: 'matrix'; readonly series: readonly Series[] };

/**
 * Where a PromQL query is answered: the built-in window or a real Prometheus.
 * Errors: `E_PROMQL_SYNTAX`, `E_PROMQL_UNSUPPORTED`, `E_PROMQL_FAILED`, `E_UNREACHABLE`.
 */
export interface MetricsSource {
  /** For messages: `built-in window` or the URL. */
  readonly name: string;
  query(expression: string, options?: { at?: number; signal?: AbortSignal }): Promise<QueryResult>;
}

/** One alert as the rule evaluator or Alertmanager reports it. */
export interface Alert {
  readonly status: 'firing' | 'resolved';
  /** `alertname` included. Values are untrusted. */
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: number;
  readonly endsAt: number | null;
  /** The same for the same label set. */
  readonly fingerprint: string;
}
