/**
 * When a lease has ended, as somebody sees who watches it.
 *
 * The store's time alone does not tell: where its clock is set forward, everything would seem to have ended at once;
 * where it is set back, nothing for hours. So a lease has ended when its end has passed *and* nobody has renewed it
 * for a while of the watcher's own monotonic time, longer than workers take between two renewals; or when nobody has
 * renewed it for as long as a lease holds, whatever its end says.
 */
export interface Watched {
  /** What changes when it is taken anew: an attempt's id, an incident and fence. */
  readonly key: string;
  /** Epoch ms. */
  readonly leaseUntil: number;
}

export class LeaseWatch {
  readonly #quietMs: number;
  readonly #leaseMs: number;
  #seen = new Map<string, { leaseUntil: number; since: number }>();

  /** @param quietMs more than the time between two renewals */
  constructor({ quietMs, leaseMs }: { quietMs: number; leaseMs: number }) {
    this.#quietMs = quietMs;
    this.#leaseMs = leaseMs;
  }

  /**
   * Looks at everything that is under a lease now; what is missing is forgotten.
   * @param now of the store, epoch ms
   * @param monotonic of the watcher, ms
   * @returns those whose lease has ended
   */
  look<Lease extends Watched>(leases: readonly Lease[], now: number, monotonic: number): Lease[] {
    const seen = new Map<string, { leaseUntil: number; since: number }>();
    const ended = leases.filter(({ key, leaseUntil }) => {
      const before = this.#seen.get(key);
      const same = before?.leaseUntil === leaseUntil ? before : { leaseUntil, since: monotonic };
      seen.set(key, same);
      const quiet = monotonic - same.since;
      return (now >= leaseUntil && quiet >= this.#quietMs) || quiet >= this.#leaseMs + this.#quietMs;
    });
    this.#seen = seen;
    return ended;
  }
}
