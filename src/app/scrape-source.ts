/** The built-in scraper as the place where PromQL is answered, started with the first query. */
import { AllclearError, type Clock, formatDuration } from '../kernel/index.ts';
import {
  type MetricsSource,
  type QueryResult,
  rangeNeeded,
  SampleWindow,
  type ScrapeReport,
  Scraper,
  type ScrapeTarget,
  WindowSource,
} from '../metrics/index.ts';

/** A query over five minutes is answered from this many seconds at most. */
const MAX_WARM_UP_SECONDS = 10;
const INTERVAL_MS = 1000;

export interface ScrapeSourceOptions {
  readonly clock: Clock;
  readonly targets: readonly ScrapeTarget[];
  /** Told once for how long samples are collected before a query can be answered. */
  readonly progress?: (text: string) => void;
}

/** A metrics source that holds a running scraper. */
export interface ScrapeSource extends MetricsSource {
  close(): Promise<void>;
}

/**
 * Scrapes the targets every second from the first query on, and answers a query once there are samples for
 * the seconds it looks back on, at most 10. Errors: as PromQL's; `E_UNREACHABLE` when no target answers.
 */
export function createScrapeSource(options: ScrapeSourceOptions): ScrapeSource {
  const { clock, targets } = options;
  const window = new SampleWindow();
  const source = new WindowSource(window, { clock });
  const scraper = new Scraper({ targets, window, intervalMs: INTERVAL_MS, timeoutMs: 5000, clock });
  let first: Promise<readonly ScrapeReport[]> | null = null;
  let startedAt = 0;
  let announced = 0;

  const start = (): Promise<readonly ScrapeReport[]> => {
    startedAt = clock.monotonic();
    return new Promise((resolve) => scraper.start(resolve));
  };

  const warmUp = async (seconds: number, signal?: AbortSignal): Promise<void> => {
    // Two samples make a rate: a range needs one interval beyond its start.
    const needed =
      seconds === 0 ? 0 : Math.min(Math.max(seconds, 2), MAX_WARM_UP_SECONDS) * 1000 + INTERVAL_MS / 2;
    const left = needed - (clock.monotonic() - startedAt);
    if (left <= 0) return;
    if (needed > announced) {
      announced = needed;
      options.progress?.(`Collecting samples for ${formatDuration(left / 1000)} …`);
    }
    await clock.sleep(left, signal);
  };

  return {
    name: 'built-in window',
    query: async (expression, queryOptions): Promise<QueryResult> => {
      const seconds = rangeNeeded(expression);
      first ??= start();
      const reports = await first;
      if (reports.every(({ up }) => !up)) {
        throw new AllclearError('E_UNREACHABLE', {
          what: `no metrics answer (${reports.map(({ error }) => error).join('; ')})`,
          next: 'Give --prometheus URL, or --scrape URL for the built-in scraper.',
        });
      }
      await warmUp(seconds, queryOptions?.signal);
      return source.query(expression, queryOptions);
    },
    close: () => scraper.stop(),
  };
}
