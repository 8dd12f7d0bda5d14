/** What makes one answer serve several requests of the stateless era: the cache, the single flight, and the changes. */
import type { Clock } from '../../kernel/index.ts';
import { Changes, changeOf } from './changes.ts';
import { Flights } from './flights.ts';
import { KeyedHash } from './keyed-hash.ts';
import { type CacheLimits, ResultCache } from './result-cache.ts';

/** A larger answer is not kept, and waited for by nobody. */
export const MAX_SHARED_BYTES = 1024 * 1024;

const LIMITS: CacheLimits = {
  maxEntries: 2000,
  maxBytes: 64 * 1024 * 1024,
  // Texts are counted at two bytes a character, and with the head and the key.
  maxEntryBytes: 2 * MAX_SHARED_BYTES + 16 * 1024,
  staleSeconds: 600,
  maxAccepted: 100_000,
  acceptedSeconds: 300,
};

/**
 * How a request whose result might be shared was answered. `hit`: from the cache. `shared`: with the answer to
 * another request that was on its way. `stale`: with a result past its time, since the upstream failed. `miss`:
 * by an upstream. `bypass`: by an upstream too, since such results turned out not to be public. `refused`:
 * by the guard. `left`: not at all, its client went away while it waited.
 */
export const sharingOutcomes = ['hit', 'shared', 'stale', 'miss', 'bypass', 'refused', 'left'] as const;
export type SharingOutcome = (typeof sharingOutcomes)[number];

export class Sharing {
  readonly results: ResultCache;
  readonly flights: Flights;
  readonly #changes: Changes;
  readonly #hash = new KeyedHash();
  /** By method and outcome. There are six methods. */
  readonly #counts = new Map<string, Map<SharingOutcome, number>>();

  constructor(clock: Clock) {
    this.results = new ResultCache(clock, LIMITS);
    this.flights = new Flights(clock, this.results);
    this.#changes = new Changes(clock);
  }

  /** A name for who asks and for what, from which neither can be learned. */
  passOf(who: string, key: string): string {
    return this.#hash.ofAll([who, key]);
  }

  /** A stream of notifications opens. What it tells removes the results that it makes wrong. */
  listen(): (method: string, params: Readonly<Record<string, unknown>> | null) => void {
    const listener = this.#changes.listen();
    return (method, params) => {
      const change = changeOf(method, params);
      if (change && listener.isNews(change)) this.results.changed(change);
    };
  }

  /** @param method one of those with cacheable results */
  count(method: string, outcome: SharingOutcome): void {
    const counts = this.#counts.get(method) ?? new Map<SharingOutcome, number>();
    this.#counts.set(method, counts);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }

  get counts(): ReadonlyMap<string, ReadonlyMap<SharingOutcome, number>> {
    return this.#counts;
  }
}
