import type { Clock } from '../../kernel/index.ts';

/** Addresses that are remembered at most; beyond, the one that was added first is forgotten. */
const MAX_ADDRESSES = 10_000;

/**
 * A token bucket for each address, as reverse proxies have it in front of a token endpoint (nginx's
 * `limit_req`, for one): `perSecond` on average, a second's worth at once.
 */
export class Throttle {
  readonly #perSecond: number;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { left: number; at: number }>();

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  /** Whether one more request of this address is let through now. */
  admits(address: string): boolean {
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.get(address) ?? this.#open(address, now);
    const gained = ((now - bucket.at) / 1000) * this.#perSecond;
    bucket.left = Math.min(this.#perSecond, bucket.left + gained);
    bucket.at = now;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  #open(address: string, now: number): { left: number; at: number } {
    if (this.#buckets.size >= MAX_ADDRESSES) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    const bucket = { left: this.#perSecond, at: now };
    this.#buckets.set(address, bucket);
    return bucket;
  }
}
