/**
 * The service's own metrics, in Prometheus text. What several processes share is read from the store when somebody asks,
 * at most once a second; what happens in this process is counted as it happens.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Desk } from '../../engine/index.ts';
import { toAllclearError } from '../../kernel/index.ts';
import {
  listWorkers,
  type OutboxFigures,
  outboxFigures,
  type StoreFigures,
  storeFigures,
} from '../../store/index.ts';
import type { RunbookShelf } from '../shelf.ts';
import { WORKER_SEEN_MS } from '../worker-seen.ts';
import { runbookMetrics } from './runbook-metrics.ts';

/** Sites and targets with series of their own; the rest counts together. */
const MAX_SERIES = 100;
const CACHE_MS = 1_000;
const WEBHOOK_ROUTE = '/api/v1/webhooks/alertmanager';
/** Reading the figures of a large store may take at most this part of the time. */
const CACHE_SHARE = 20;

const STATES = [
  'open',
  'diagnosing',
  'confirmed',
  'inconclusive',
  'ruled-out',
  'remediating',
  'verifying',
  'escalated',
  'resolved',
  'closed',
] as const;
const OUTCOMES = ['succeeded', 'failed', 'timed-out', 'cancelled', 'unknown'] as const;

interface Sources {
  readonly desk: Pick<Desk, 'store' | 'clock'>;
  readonly shelf: RunbookShelf;
  readonly version: string;
  /** Event streams that are open now. */
  readonly streams: () => number;
}

export class ServiceMetrics {
  readonly #sources: Sources;
  readonly #registry = new Registry();
  #text: Promise<string> | null = null;
  #until = 0;

  readonly #http = new Histogram({
    name: 'allclear_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer, by route and status; without event streams',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.#registry],
  });
  readonly #alerts = this.#counter(
    'allclear_alerts_received_total',
    'Alerts that this process has acknowledged',
  );
  readonly #storeErrors = this.#counter(
    'allclear_store_errors_total',
    'Requests that failed because of the store',
    ['code'],
  );
  readonly #streams = this.#gauge('allclear_event_streams', 'Open event streams of this process');
  readonly #storeUp = this.#gauge('allclear_store_up', '1 when the store could be read for these metrics');
  readonly #incidents = this.#gauge('allclear_incidents', 'Incidents by state', ['state']);
  readonly #waiting = this.#gauge(
    'allclear_incidents_waiting',
    'Open incidents by what they wait for people to do',
    ['for'],
  );
  readonly #waitingAge = this.#gauge(
    'allclear_incidents_waiting_oldest_seconds',
    'Time since the last event of the incident that has waited longest, by what for',
    ['for'],
  );
  readonly #approvals = this.#gauge(
    'allclear_approvals_waiting',
    'Open incidents that wait for somebody to approve a step',
  );
  readonly #ready = this.#gauge(
    'allclear_work_waiting',
    'Diagnoses, steps and verifications that no worker has taken, by site',
    ['site'],
  );
  readonly #readyAge = this.#gauge(
    'allclear_work_oldest_age_seconds',
    'How long the oldest of them has been ready',
    ['site'],
  );
  readonly #taken = this.#gauge(
    'allclear_work_taken',
    'Diagnoses, steps and verifications that workers have',
  );
  readonly #workers = this.#gauge('allclear_workers', 'Workers that were seen in the last minute');
  readonly #steps = this.#counter(
    'allclear_steps_total',
    'Attempts of steps by outcome, as the store has them',
    ['outcome'],
  );
  readonly #unknown = this.#gauge(
    'allclear_steps_unknown',
    'Interrupted steps of open incidents that wait for a decision',
  );
  readonly #outbox = this.#gauge('allclear_outbox_waiting', 'Notifications on their way, by target', [
    'target',
  ]);
  readonly #outboxAge = this.#gauge('allclear_outbox_oldest_age_seconds', 'Age of the oldest of them', [
    'target',
  ]);
  readonly #outboxFailing = this.#gauge(
    'allclear_outbox_failing',
    'Notifications that were refused at least once, by target',
    ['target'],
  );
  readonly #runbooks: (figures: StoreFigures, now: number) => void;

  constructor(sources: Sources) {
    this.#sources = sources;
    this.#gauge('allclear_build_info', 'The version that runs', ['version']).set(
      { version: sources.version },
      1,
    );
    // A series that begins with its first failure would hide that failure from rate().
    for (const status of ['2xx', '4xx', '5xx']) {
      this.#http.zero({ method: 'POST', route: WEBHOOK_ROUTE, status });
    }
    this.#runbooks = runbookMetrics(this.#registry, sources.shelf);
  }

  /** One request that has been answered. */
  answered(method: string, route: string, status: number, seconds: number): void {
    this.#http.observe({ method, route, status: `${Math.floor(status / 100)}xx` }, seconds);
  }

  /** Alerts that are durable now. */
  received(alerts: number): void {
    this.#alerts.inc(alerts);
  }

  /** A request that was answered with an error. */
  failed(code: string): void {
    if (code.startsWith('E_STORE')) this.#storeErrors.inc({ code });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The metrics in text; those who ask at once, or soon after each other, get the same. */
  text(): Promise<string> {
    const { clock } = this.#sources.desk;
    if (this.#text && clock.monotonic() < this.#until) return this.#text;
    const began = clock.monotonic();
    this.#until = Number.POSITIVE_INFINITY;
    this.#text = this.#read().finally(() => {
      const now = clock.monotonic();
      this.#until = now + Math.max(CACHE_MS, (now - began) * CACHE_SHARE);
    });
    return this.#text;
  }

  async #read(): Promise<string> {
    const { desk, streams } = this.#sources;
    const { store } = desk;
    this.#streams.set(streams());
    try {
      const now = store.now();
      const figures = await storeFigures(store.db, now);
      this.#show(figures, now);
      this.#showOutbox(await outboxFigures(store.db), now);
      this.#workers.set((await listWorkers(store.db, now - WORKER_SEEN_MS)).length);
      this.#storeUp.set(1);
    } catch (error) {
      // What was read before is still true enough; that it is old, this one says.
      this.#storeErrors.inc({ code: toAllclearError(error).code });
      this.#storeUp.set(0);
    }
    return this.#registry.metrics();
  }

  #show(figures: StoreFigures, now: number): void {
    for (const state of STATES) this.#incidents.set({ state }, figures.incidents.get(state) ?? 0);
    this.#waiting.reset();
    this.#waitingAge.reset();
    for (const [kind, { count, since }] of figures.waiting) {
      this.#waiting.set({ for: kind }, count);
      this.#waitingAge.set({ for: kind }, age(now, since));
    }
    this.#approvals.set(figures.waiting.get('approval')?.count ?? 0);
    this.#ready.reset();
    this.#readyAge.reset();
    for (const [site, { count, since }] of bounded(figures.ready)) {
      this.#ready.set({ site }, count);
      this.#readyAge.set({ site }, age(now, since));
    }
    this.#taken.set(figures.taken);
    this.#steps.reset();
    for (const outcome of OUTCOMES) this.#steps.inc({ outcome }, figures.attempts.get(outcome) ?? 0);
    this.#unknown.set(figures.unknown);
    this.#runbooks(figures, now);
  }

  #showOutbox(figures: readonly OutboxFigures[], now: number): void {
    for (const gauge of [this.#outbox, this.#outboxAge, this.#outboxFailing]) gauge.reset();
    for (const { target, waiting, oldestAt, failing } of figures.slice(0, MAX_SERIES)) {
      this.#outbox.set({ target }, waiting);
      this.#outboxAge.set({ target }, oldestAt === null ? 0 : age(now, oldestAt));
      this.#outboxFailing.set({ target }, failing);
    }
  }

  #gauge<Name extends string>(name: string, help: string, labelNames: Name[] = []): Gauge<Name> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  #counter<Name extends string>(name: string, help: string, labelNames: Name[] = []): Counter<Name> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }
}

function age(now: number, since: number): number {
  return Math.max(0, (now - since) / 1000);
}

/** The busiest sites; all others count as one, `other`. Without any, the series of no site says 0. */
function bounded(ready: StoreFigures['ready']): Map<string, { count: number; since: number }> {
  const sites = new Map<string, { count: number; since: number }>([['', { count: 0, since: Infinity }]]);
  for (const { site, count, since } of ready.toSorted((a, b) => b.count - a.count)) {
    const name = sites.has(site) || sites.size < MAX_SERIES ? site : 'other';
    const known = sites.get(name) ?? { count: 0, since: Infinity };
    sites.set(name, { count: known.count + count, since: Math.min(known.since, since) });
  }
  return sites;
}
