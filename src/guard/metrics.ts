/** The guard's metrics, one registry per guard, under the names of docs/guard.md. */
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { cacheMetrics } from './cache-metrics.ts';
import { gauge } from './gauge.ts';
import { HotHistogram, type HotSeries } from './hot-histogram.ts';
import type { DeskLever } from './levers/desk.ts';
import { leverMetrics } from './levers/lever-metrics.ts';
import { BoundedNames, methodLabel, OTHER, versionLabel } from './policy/labels.ts';
import type { LeverBoard } from './policy/levers.ts';
import type { SessionTable } from './policy/sessions.ts';
import type { Sharing } from './policy/sharing.ts';
import type { Tools } from './policy/tools.ts';
import type { UpstreamSet } from './policy/upstreams.ts';
import { TokenMetrics, type WatchedTokens } from './token-metrics.ts';
import { toolMetrics } from './tool-metrics.ts';

/**
 * How an initialize ended. `ok`: answered with 2xx. `error`: the upstream answered otherwise or broke off.
 * `rejected`: the guard refused it. `abandoned`: its client went away first.
 */
export const outcomes = ['ok', 'error', 'rejected', 'abandoned'] as const;
export type Outcome = (typeof outcomes)[number];

const INITIALIZE_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 15, 20, 30,
];
/** The buckets that the OpenTelemetry conventions for MCP give. */
const OPERATION_BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const MAX_TOOL_NAMES = 200;
const MAX_OPERATION_SERIES = 2000;
/** Further ones, without the tool. */
const MAX_COARSE_SERIES = 500;

export interface Watched extends WatchedTokens {
  readonly sessions: SessionTable;
  readonly upstreams: UpstreamSet;
  readonly levers: LeverBoard;
  /** All levers, those that commands move as well. */
  readonly listLevers: () => readonly DeskLever[];
  readonly tools: Tools;
  /** Openings taken in and not yet answered. */
  readonly pendingInitializes: () => number;
  readonly openStreams: () => number;
  /** Null when nothing is cached. */
  readonly sharing: Sharing | null;
}

export class GuardMetrics {
  readonly #registry = new Registry();
  readonly tokens: TokenMetrics;
  readonly #tools = new BoundedNames(MAX_TOOL_NAMES);
  readonly #initializeTotal: Counter<'outcome'>;
  readonly #initializeSeconds: Histogram;
  readonly #operations: HotHistogram<
    'mcp_method_name' | 'gen_ai_tool_name' | 'error_type' | 'mcp_protocol_version'
  >;
  /** By their labels. */
  readonly #operationSeries = new Map<string, HotSeries>();

  constructor(watched: Watched) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#initializeTotal = new Counter({
      name: 'mcp_initialize_total',
      help: 'Openings (initialize, and server/discover that went to an upstream) by outcome: ok, error (from upstream), rejected (by the guard), abandoned (client left).',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of outcomes) this.#initializeTotal.inc({ outcome }, 0);
    this.#initializeSeconds = new Histogram({
      name: 'mcp_initialize_duration_seconds',
      help: 'Seconds from taking in an opening (initialize, server/discover) to its end, waiting for admission included, whatever the outcome.',
      buckets: INITIALIZE_BUCKETS,
      registers,
    });
    this.#operations = new HotHistogram({
      name: 'mcp_server_operation_duration_seconds',
      help: 'Seconds from taking in an MCP request to the end of its answer.',
      labelNames: ['mcp_method_name', 'gen_ai_tool_name', 'error_type', 'mcp_protocol_version'],
      buckets: OPERATION_BUCKETS,
      registry: this.#registry,
    });
    gauges(watched, this.#registry);
    leverMetrics(watched.listLevers, this.#registry);
    toolMetrics(watched.tools, this.#registry);
    if (watched.sharing) cacheMetrics(watched.sharing, this.#registry);
    this.tokens = new TokenMetrics(this.#registry, watched);
  }

  initializeEnded(outcome: Outcome, seconds: number): void {
    this.#initializeTotal.inc({ outcome });
    this.#initializeSeconds.observe(seconds);
  }

  /** All four texts come from the wire or from us; they are bounded here. `error` is '' for success. */
  operationEnded(method: string, tool: string, error: string, version: string, seconds: number): void {
    const key = `${methodLabel(method)}\n${this.#tools.label(tool)}\n${error}\n${versionLabel(version)}`;
    const series = this.#operationSeries.get(key) ?? this.#newSeries(key);
    series.observe(seconds);
  }

  /** Beyond the bound series tell less, so that no operation goes uncounted: first no tool, then little but the method. */
  #newSeries(wanted: string): HotSeries {
    const [method, tool, error, version] = wanted.split('\n') as [string, string, string, string];
    const beyond = this.#operationSeries.size - MAX_OPERATION_SERIES;
    let labels = [method, tool, error, version] as const;
    if (beyond >= 0) labels = [method, tool && OTHER, error, version];
    if (beyond >= MAX_COARSE_SERIES) labels = [method, tool && OTHER, error && OTHER, OTHER];
    const key = labels.join('\n');
    const known = this.#operationSeries.get(key);
    if (known) return known;
    const series = this.#operations.series({
      mcp_method_name: labels[0],
      gen_ai_tool_name: labels[1],
      error_type: labels[2],
      mcp_protocol_version: labels[3],
    });
    this.#operationSeries.set(key, series);
    return series;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The exposition text. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

/** Gauges are read from the policy when they are scraped. */
function gauges(
  { sessions, upstreams, levers, pendingInitializes, openStreams, auth }: Watched,
  registry: Registry,
): void {
  gauge(
    registry,
    'mcp_active_sessions',
    'Sessions of the older era (up to 2025-11-25) in use: a stream open, or a request in the last minute.',
    (set) => set({}, sessions.active),
  );
  gauge(
    registry,
    'mcp_open_streams',
    'Event streams that clients hold open now: GET, and subscriptions/listen.',
    (set) => set({}, openStreams()),
  );
  gauge(
    registry,
    'mcp_initialize_queue_depth',
    'Openings taken in and not yet answered: waiting for admission or for the upstream.',
    (set) => set({}, pendingInitializes()),
  );
  gauge(
    registry,
    'mcp_initialize_limit',
    'Initialize requests that may be in hand at an upstream while MAX_INIT_PER_SECOND is auto; absent otherwise.',
    (set) => {
      if (!levers.values.initAuto) return;
      for (const one of upstreams.all) set({ upstream: one.name }, one.pressure.autoLimit);
    },
    ['upstream'],
  );
  gauge(
    registry,
    'mcp_upstream_up',
    'Whether the upstream accepts connections: 1 or 0.',
    (set) => {
      for (const one of [...upstreams.all, ...(auth?.upstreams ?? [])])
        set({ upstream: one.name }, one.up ? 1 : 0);
    },
    ['upstream'],
  );
  gauge(
    registry,
    'mcp_upstream_sessions',
    'Open sessions by upstream, by number.',
    (set) => {
      for (const one of upstreams.all) set({ upstream: one.name }, one.sessions);
    },
    ['upstream'],
  );
  counter(
    registry,
    'mcp_sessions_lost_total',
    'Sessions that the upstream no longer knew: it restarted, or ended them on its own.',
    () => sessions.lostTotal,
  );
  counter(
    registry,
    'mcp_sessions_ended_total',
    'Sessions that the guard ended because of MAX_SESSIONS, those idle longest first.',
    () => sessions.endedTotal,
  );
}

/** A counter that somebody else counts. */
function counter(registry: Registry, name: string, help: string, read: () => number): void {
  let seen = 0;
  const one = new Counter({
    name,
    help,
    registers: [],
    collect() {
      const now = read();
      this.inc(now - seen);
      seen = now;
    },
  });
  registry.registerMetric(one);
}
