import { type Clock, printable, systemClock, toAllclearError } from '../kernel/index.ts';
import { takeCredentials } from './basic-auth.ts';
import { type Exposition, parseExposition } from './exposition.ts';
import { labelsKey, makeLabels, NAME, withLabels } from './labels.ts';
import type { Labels } from './model.ts';
import { readBody } from './read-body.ts';
import type { SampleWindow } from './window.ts';

/** An endpoint to scrape. */
export interface ScrapeTarget {
  /** Becomes the label `job`. */
  readonly job: string;
  /** Where the metrics are, such as `http://127.0.0.1:9090/metrics`. */
  readonly url: string;
  /** Becomes the label `instance`; the URL's host and port when absent. */
  readonly instance?: string;
  /** Sent with each request, such as an Authorization header. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ScraperOptions {
  readonly targets: readonly ScrapeTarget[];
  readonly window: SampleWindow;
  /** From the start of one scrape to the start of the next. Default 1,000 ms. */
  readonly intervalMs?: number;
  /** For one request, body included; the target is not scraped again before it ends. Default 10,000 ms. */
  readonly timeoutMs?: number;
  /** Bytes of one body. Default 16 MiB. */
  readonly maxBytes?: number;
  /** Samples of one scrape; more and the scrape counts as failed. Default 100,000. */
  readonly maxSamples?: number;
  readonly clock?: Clock;
  /** Stops the scraper when it aborts. */
  readonly signal?: AbortSignal;
}

/** How one scrape of one target went. */
export interface ScrapeReport {
  readonly job: string;
  readonly instance: string;
  readonly up: boolean;
  /** Samples taken over. */
  readonly samples: number;
  /** Lines that could not be read. */
  readonly badLines: number;
  /** Samples the window refused. */
  readonly refused: number;
  readonly seconds: number;
  /** Why it is not up, in one sentence. */
  readonly error: string | null;
}

/** A target with what the last scrape of it saw. */
interface TargetState {
  readonly target: ScrapeTarget;
  /** Without user and password. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly own: readonly (readonly [string, string])[];
  readonly instance: string;
  /** A scrape is under way. */
  busy: boolean;
  /** Series of the last good scrape, to mark those that vanish. */
  seen: Map<string, Labels>;
  /** Raw label sets → the stored ones, so that each series keeps one label object. */
  interned: Map<string, Labels>;
}

/**
 * Scrapes targets into a window as Prometheus does: all at once each interval, with `job` and
 * `instance` added (labels of the same names become `exported_…`), `up`, `scrape_duration_seconds`
 * and `scrape_samples_scraped` beside them, and stale markers for what vanished.
 */
export class Scraper {
  readonly #options: Required<
    Pick<ScraperOptions, 'intervalMs' | 'timeoutMs' | 'maxBytes' | 'maxSamples' | 'clock'>
  >;
  readonly #window: SampleWindow;
  readonly #states: TargetState[];
  readonly #stopper = new AbortController();
  #running: Promise<void> | undefined;
  #onReport: ((reports: readonly ScrapeReport[]) => void) | undefined;

  constructor(options: ScraperOptions) {
    const intervalMs = options.intervalMs ?? 1000;
    this.#options = {
      intervalMs,
      timeoutMs: options.timeoutMs ?? 10_000,
      maxBytes: options.maxBytes ?? 16 * 1024 * 1024,
      maxSamples: options.maxSamples ?? 100_000,
      clock: options.clock ?? systemClock,
    };
    this.#window = options.window;
    this.#states = options.targets.map(makeState);
    if (options.signal?.aborted) this.#stopper.abort();
    options.signal?.addEventListener('abort', () => this.#stopper.abort(), { once: true });
  }

  /**
   * Starts to scrape every interval, at once for the first time. A second call does nothing.
   * @param onReport called with the scrapes that began together, all targets the first time, once they have ended
   */
  start(onReport?: (reports: readonly ScrapeReport[]) => void): void {
    this.#onReport = onReport;
    this.#running ??= this.#run();
  }

  /** Ends requests under way and waits until nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopper.abort();
    await this.#running;
  }

  /** Scrapes all targets once, concurrently. Never throws: a dead target is a report with `up` false. */
  async scrapeOnce(): Promise<ScrapeReport[]> {
    return Promise.all(this.#states.map((state) => this.#scrape(state)));
  }

  async #run(): Promise<void> {
    const { clock, intervalMs } = this.#options;
    const { signal } = this.#stopper;
    const rounds = new Set<Promise<void>>();
    let next = clock.monotonic();
    while (!signal.aborted) {
      const round = this.#round().finally(() => rounds.delete(round));
      rounds.add(round);
      // Rounds that the machine was too busy for are left out, not made up for.
      next = Math.max(next + intervalMs, clock.monotonic());
      try {
        await clock.sleep(Math.max(0, next - clock.monotonic()), signal);
      } catch {
        break;
      }
    }
    await Promise.all(rounds);
  }

  /** Scrapes the targets that are not still busy with an earlier scrape: a slow one holds up no other. */
  async #round(): Promise<void> {
    const idle = this.#states.filter((state) => !state.busy);
    const reports = await Promise.all(idle.map((state) => this.#scrape(state)));
    if (reports.length > 0 && !this.#stopper.signal.aborted) this.#onReport?.(reports);
  }

  async #scrape(state: TargetState): Promise<ScrapeReport> {
    state.busy = true;
    try {
      return await this.#scrapeTarget(state);
    } finally {
      state.busy = false;
    }
  }

  async #scrapeTarget(state: TargetState): Promise<ScrapeReport> {
    const { clock } = this.#options;
    const t = clock.now();
    const began = clock.monotonic();
    const fetched = await this.#fetch(state);
    const seconds = (clock.monotonic() - began) / 1000;
    const { job } = state.target;
    const base = { job, instance: state.instance, seconds };
    if (this.#stopper.signal.aborted) {
      return { ...base, up: false, samples: 0, badLines: 0, refused: 0, error: 'stopped' };
    }
    const read = 'error' in fetched ? fetched : this.#read(fetched, state.url);
    const error = 'error' in read ? read.error : null;
    const taken = 'error' in read ? { samples: 0, badLines: 0, refused: 0 } : this.#take(state, read, t);
    if (error !== null) this.#markGone(state, new Map(), t);
    const own = (name: string, value: number) =>
      this.#window.append(makeLabels([[NAME, name], ...state.own]), t, value);
    own('up', error === null ? 1 : 0);
    own('scrape_duration_seconds', seconds);
    own('scrape_samples_scraped', taken.samples);
    return { ...base, ...taken, up: error === null, error };
  }

  async #fetch({
    url,
    headers,
  }: TargetState): Promise<{ text: string; openMetrics: boolean } | { error: string }> {
    const { timeoutMs, maxBytes } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(url, {
        headers: { accept: 'text/plain;version=0.0.4;q=1,*/*;q=0.1', ...headers },
        signal: AbortSignal.any([timeout, this.#stopper.signal]),
        redirect: 'error',
      });
      const text = await readBody(response, maxBytes, url);
      if (!response.ok) return { error: `${url} answered ${response.status}` };
      const openMetrics = (response.headers.get('content-type') ?? '').includes(
        'application/openmetrics-text',
      );
      return { text, openMetrics };
    } catch (error) {
      if (timeout.aborted) return { error: `${url} did not answer within ${timeoutMs} ms` };
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      return { error: printable(`${url}: ${toAllclearError(cause).message}`) };
    }
  }

  #read(fetched: { text: string; openMetrics: boolean }, url: string): Exposition | { error: string } {
    const { maxSamples } = this.#options;
    const format = fetched.openMetrics ? 'openmetrics' : 'prometheus';
    const exposition = parseExposition(fetched.text, { format, maxSamples });
    // Half a scrape would look as if the other half had vanished.
    return exposition.truncated ? { error: `${url} exposes more than ${maxSamples} samples` } : exposition;
  }

  #take(
    state: TargetState,
    { samples, problemCount }: Exposition,
    t: number,
  ): Pick<ScrapeReport, 'samples' | 'badLines' | 'refused'> {
    const seen = new Map<string, Labels>();
    let refused = 0;
    for (const sample of samples) {
      const raw = labelsKey(sample.labels);
      const labels = state.interned.get(raw) ?? attach(sample.labels, state.own);
      seen.set(raw, labels);
      if (this.#window.append(labels, sample.t ?? t, sample.value) !== 'ok') refused++;
    }
    this.#markGone(state, seen, t);
    return { samples: samples.length, badLines: problemCount, refused };
  }

  #markGone(state: TargetState, seen: Map<string, Labels>, t: number): void {
    for (const [raw, labels] of state.seen) if (!seen.has(raw)) this.#window.markStale(labels, t);
    state.seen = seen;
    state.interned = seen;
  }
}

function makeState(target: ScrapeTarget): TargetState {
  const parsed = URL.canParse(target.url) ? takeCredentials(new URL(target.url)) : undefined;
  const instance = target.instance ?? parsed?.bare.host ?? target.url;
  const own = [
    ['job', target.job],
    ['instance', instance],
  ] as const;
  return {
    target,
    url: parsed?.bare.href ?? target.url,
    headers: {
      ...(parsed?.authorization === undefined ? {} : { authorization: parsed.authorization }),
      ...target.headers,
    },
    own,
    instance,
    busy: false,
    seen: new Map(),
    interned: new Map(),
  };
}

/** Adds the target's labels; labels of the same names move to `exported_…`. */
function attach(labels: Labels, own: readonly (readonly [string, string])[]): Labels {
  const moved = own.flatMap(([name]) => {
    const value = labels[name];
    if (value === undefined) return [];
    let exported = `exported_${name}`;
    while (labels[exported] !== undefined) exported = `exported_${exported}`;
    return [[exported, value] as const];
  });
  return withLabels(labels, [...moved, ...own]);
}
