/** The metrics of token refreshes and of the expiry of access tokens. They exist with or without a front. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type RefreshOutcome, refreshOutcomes } from './policy/refresh-answer.ts';
import { EXPIRY_BUCKETS, type ExpiryCalendar } from './policy/token-expiry.ts';
import type { Upstream } from './policy/upstreams.ts';

const REFRESH_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30];

export interface WatchedTokens {
  readonly tokens: ExpiryCalendar;
  /** The front of the authorization server, if there is one. */
  readonly auth: {
    readonly upstreams: readonly Upstream[];
    /** Refreshes taken in and not yet answered. */
    readonly pendingRefreshes: number;
    /** Answers that are kept for the grace. */
    readonly keptAnswers: number;
  } | null;
}

export class TokenMetrics {
  readonly #total: Counter<'outcome'>;
  readonly #coalesced: Counter;
  readonly #upstream: Counter;
  readonly #seconds: Histogram;

  constructor(registry: Registry, watched: WatchedTokens) {
    const registers = [registry];
    this.#total = new Counter({
      name: 'mcp_token_refresh_total',
      help: 'Token refreshes asked for, by outcome: ok, invalid_grant, throttled (by the authorization server), error, rejected (by the guard), abandoned (client left).',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of refreshOutcomes) this.#total.inc({ outcome }, 0);
    this.#coalesced = new Counter({
      name: 'mcp_token_refresh_coalesced_total',
      help: 'Token refreshes that were given the answer of an equal one.',
      registers,
    });
    this.#upstream = new Counter({
      name: 'mcp_token_refresh_upstream_total',
      help: 'Token refreshes sent to the authorization server.',
      registers,
    });
    this.#seconds = new Histogram({
      name: 'mcp_token_refresh_duration_seconds',
      help: 'Seconds from taking in a token refresh to its end, waiting included, whatever the outcome.',
      buckets: REFRESH_BUCKETS,
      registers,
    });
    gauges(registry, watched);
  }

  refreshEnded(outcome: RefreshOutcome, seconds: number): void {
    this.#total.inc({ outcome });
    this.#seconds.observe(seconds);
  }

  refreshCoalesced(): void {
    this.#coalesced.inc();
  }

  refreshSent(): void {
    this.#upstream.inc();
  }
}

/** Read when they are scraped; one look at the calendar serves all of its gauges. */
function gauges(registry: Registry, { tokens, auth }: WatchedTokens): void {
  const simple = (name: string, help: string, read?: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        if (read) this.set(read());
      },
    });
  simple(
    'mcp_token_refresh_queue_depth',
    'Token refreshes taken in and not yet answered: waiting for their turn or for the authorization server.',
    () => auth?.pendingRefreshes ?? 0,
  );
  simple(
    'mcp_token_refresh_kept',
    'Answers kept in memory for TOKEN_REFRESH_GRACE_SECONDS.',
    () => auth?.keptAnswers ?? 0,
  );
  const peak = simple(
    'mcp_access_tokens_expiring_peak',
    'The most known access tokens that expire within any one minute of the next day.',
  );
  const peakIn = simple(
    'mcp_access_tokens_expiring_peak_in_seconds',
    'Seconds until the minute begins in which the most known access tokens expire.',
  );
  const expiring = new Gauge({
    name: 'mcp_access_tokens_expiring',
    help: 'Known access tokens that expire within le seconds from now (cumulative).',
    labelNames: ['le'],
    registers: [],
    collect() {
      const view = tokens.view();
      EXPIRY_BUCKETS.forEach((le, index) => this.set({ le: String(le) }, view.within[index]!));
      this.set({ le: '+Inf' }, view.known);
      peak.set(view.peak.tokens);
      peakIn.set(view.peak.inSeconds);
    },
  });
  registry.registerMetric(expiring);
}
