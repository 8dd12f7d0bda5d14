/** Remembers calls that did not end well, for a while and a bounded number of them. */
import { LRUCache } from 'lru-cache';

/** How long after its end a call that is made again is a retry of it, in ms. */
export const RETRY_WINDOW_MS = 120_000;
const MAX_REMEMBERED = 50_000;

export interface FailedCall {
  /** Monotonic ms. */
  readonly at: number;
  /** How often its tool had recovered when it failed. */
  readonly recoveries: number;
}

export class FailedCalls {
  readonly #calls = new LRUCache<string, FailedCall>({ max: MAX_REMEMBERED });

  add(key: string, call: FailedCall): void {
    if (key !== '') this.#calls.set(key, call);
  }

  find(key: string, now: number): FailedCall | null {
    const found = this.#calls.get(key);
    return found !== undefined && now - found.at <= RETRY_WINDOW_MS ? found : null;
  }

  /** It has ended well since. */
  forget(key: string): void {
    this.#calls.delete(key);
  }
}
