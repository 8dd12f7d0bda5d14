/** The lab's own monitoring: scrapes, evaluates the alert rules, answers PromQL. */
import type { Clock } from '../kernel/index.ts';
import {
  type Alert,
  type MetricsSource,
  RuleEvaluator,
  type RuleGroup,
  SampleWindow,
  Scraper,
  type ScrapeTarget,
  WindowSource,
} from '../metrics/index.ts';

const INTERVAL_MS = 1000;
/** The shipped runbooks look back ten minutes at most. */
const RETENTION_SECONDS = 900;

export interface WatchOptions {
  readonly targets: readonly ScrapeTarget[];
  readonly groups: readonly RuleGroup[];
  readonly clock: Clock;
}

export interface Watch {
  readonly source: MetricsSource;
  /** The first alert of one of these names that fires from now on; null when none does within `timeoutMs`. */
  firing(names: readonly string[], timeoutMs: number, signal?: AbortSignal): Promise<Alert | null>;
  stop(): Promise<void>;
}

/** Starts scraping and evaluating once a second. */
export function startWatch({ targets, groups, clock }: WatchOptions): Watch {
  const window = new SampleWindow({ retentionSeconds: RETENTION_SECONDS });
  const listeners = new Set<(alert: Alert) => void>();
  const scraper = new Scraper({ targets, window, intervalMs: INTERVAL_MS, clock });
  const evaluator = new RuleEvaluator({
    groups,
    window,
    intervalMs: INTERVAL_MS,
    clock,
    onAlerts: (alerts) => {
      for (const alert of alerts) for (const listener of listeners) listener(alert);
    },
  });
  scraper.start();
  evaluator.start();

  return {
    source: new WindowSource(window, { clock }),
    firing: (names, timeoutMs, signal) =>
      new Promise((resolve, reject) => {
        const done = () => {
          listeners.delete(listener);
          cancel();
          signal?.removeEventListener('abort', onAbort);
        };
        const listener = (alert: Alert) => {
          if (alert.status !== 'firing' || !names.includes(alert.labels['alertname'] ?? '')) return;
          done();
          resolve(alert);
        };
        const onAbort = () => {
          done();
          reject(signal?.reason as Error);
        };
        const cancel = clock.after(timeoutMs, () => {
          done();
          resolve(null);
        });
        listeners.add(listener);
        signal?.addEventListener('abort', onAbort, { once: true });
        if (signal?.aborted) onAbort();
      }),
    stop: async () => {
      await evaluator.stop();
      await scraper.stop();
    },
  };
}
