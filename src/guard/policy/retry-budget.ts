/**
 * How many retries of one tool are let through: at most a share of its first calls over the last minute, and
 * one a minute in any case, so that a lone caller may try again.
 *
 * Retry budgets are published in Finagle (`RetryBudget`: share of the requests over a window, with a small
 * reserve), Linkerd (`retryBudget`: `retryRatio`, `minRetriesPerSecond`, `ttl`) and Envoy (`retry_budget`:
 * `budget_percent`, `min_retry_concurrency`). There the proxy makes the retries; here callers do, and are refused.
 */
import { SlidingCounts } from './sliding-counts.ts';

const WINDOW_MS = 60_000;
const RESERVE = 1;

export class RetryBudget {
  readonly #passed = new SlidingCounts(WINDOW_MS);

  /**
   * Whether one more retry may pass now.
   * @param share retries per first call; 0 lets none through
   */
  allows(now: number, share: number): boolean {
    if (share === 0) return false;
    // The smallest addition keeps 0.29 × 100 from being a little less than 29.
    const most = Math.max(RESERVE, share * this.#passed.first(now) + 1e-9);
    return this.#passed.second(now) + 1 <= most;
  }

  /** A call has passed. */
  passed(now: number, retry: boolean): void {
    this.#passed.add(now, retry ? 'second' : 'first', 1);
  }

  /** A call that has passed just now is not made after all. */
  withdrawn(now: number, retry: boolean): void {
    this.#passed.add(now, retry ? 'second' : 'first', -1);
  }
}
