/**
 * Public results of the stateless era, kept for as long as their servers say; bounded in number and bytes.
 *
 * A result is **fresh** until its ttl ends, and then **stale**: given only while fetching it anew fails, for
 * at most `staleSeconds`. A notification that it has changed removes it (it is known to be wrong); an
 * upstream that went away makes it stale at once (its successor may be another version).
 *
 * Nobody is let in: a result is given only to a credential with which an upstream has answered this very
 * request within the last `acceptedSeconds`, so what the server would refuse (401, 403) is refused by the server.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../kernel/index.ts';
import type { PublicResult } from './cacheable.ts';
import type { Change } from './changes.ts';

export interface CacheLimits {
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** A larger result is not kept. */
  readonly maxEntryBytes: number;
  /** How long after its end a result may be given when the upstream fails. */
  readonly staleSeconds: number;
  /** How many accepted credentials are remembered, and for how long. */
  readonly maxAccepted: number;
  readonly acceptedSeconds: number;
}

/** One request as the cache sees it. */
export interface Query {
  /** Identifies the result. */
  readonly key: string;
  readonly method: string;
  /** For resources/read. */
  readonly uri: string;
  /** Identifies credential (or that there is none) and result together, as a keyed hash. */
  readonly pass: string;
}

/** What a result needs besides its own text to be given again. Kept as it is. */
export type Head = Readonly<Record<string, string>>;

export interface Kept {
  readonly result: PublicResult;
  readonly head: Head;
}

interface Entry extends Kept {
  readonly method: string;
  readonly uri: string;
  /** Monotonic ms. */
  freshUntil: number;
}

/** Taken before a request is sent: tells later whether its result was overtaken by a change. */
export interface Snapshot {
  readonly changes: number;
  readonly losses: number;
}

export class ResultCache {
  readonly #clock: Clock;
  readonly #limits: CacheLimits;
  readonly #entries: LRUCache<string, Entry>;
  /** Passes, and the monotonic ms until which they count. */
  readonly #accepted: LRUCache<string, number>;
  #changes = 0;
  #losses = 0;

  constructor(clock: Clock, limits: CacheLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#entries = new LRUCache({
      max: limits.maxEntries,
      maxSize: limits.maxBytes,
      maxEntrySize: limits.maxEntryBytes,
      sizeCalculation: ({ result, head, uri }, key) =>
        bytesOf(result, head) + 2 * (uri.length + key.length) + 200,
    });
    this.#accepted = new LRUCache({ max: limits.maxAccepted });
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  /** Whether the request may be given what another request obtained. */
  isAdmitted({ pass }: Query): boolean {
    return (this.#accepted.get(pass) ?? Number.NEGATIVE_INFINITY) > this.#clock.monotonic();
  }

  /** The result and for how many ms it is fresh; undefined when there is none, or not for this request. */
  fresh(query: Query): { readonly kept: Kept; readonly ttlMs: number } | undefined {
    const entry = this.#find(query);
    const ttlMs = entry ? Math.floor(entry.freshUntil - this.#clock.monotonic()) : 0;
    return entry && ttlMs > 0 ? { kept: entry, ttlMs } : undefined;
  }

  /** The result, however old within the bound: for when the upstream fails. Its ttl is 0. */
  stale(query: Query): Kept | undefined {
    const entry = this.#find(query);
    const end = entry ? entry.freshUntil + this.#limits.staleSeconds * 1000 : Number.NEGATIVE_INFINITY;
    return end > this.#clock.monotonic() ? entry : undefined;
  }

  /** Take it before the request is sent. */
  snapshot(): Snapshot {
    return { changes: this.#changes, losses: this.#losses };
  }

  /** An upstream answered the request with a result: its credential is good for it. */
  accept({ pass }: Query): void {
    this.#accepted.set(pass, this.#clock.monotonic() + this.#limits.acceptedSeconds * 1000);
  }

  /** An upstream refused the request: its credential is good no more. */
  refuse({ pass }: Query): void {
    this.#accepted.delete(pass);
  }

  /** Whether something changed since, so that a result asked for before may be outdated. */
  overtaken(before: Snapshot): boolean {
    return before.changes !== this.#changes;
  }

  /** Keeps a result that was just received, unless something changed while it was on its way. */
  keep(query: Query, result: PublicResult, head: Head, before: Snapshot): void {
    if (this.overtaken(before)) return;
    const now = this.#clock.monotonic();
    const { key, method, uri } = query;
    // A result without any ttl is worth keeping for the time when the upstream fails.
    const freshUntil = before.losses === this.#losses ? now + result.ttlMs : now;
    this.#entries.set(key, { result, head, method, uri, freshUntil });
  }

  /** The result is another one now (private, or an error): what was kept counts no more. */
  forget({ key }: Query): void {
    this.#entries.delete(key);
  }

  /** The server says that these results have changed. */
  changed({ methods, uri }: Change): void {
    this.#changes += 1;
    for (const [key, entry] of this.#entries.entries()) {
      const concerned = methods.includes(entry.method) && (uri === undefined || entry.uri === uri);
      if (concerned) this.#entries.delete(key);
    }
  }

  /** An upstream went away: what comes back may be another version. */
  lost(): void {
    this.#losses += 1;
    const now = this.#clock.monotonic();
    for (const entry of this.#entries.values()) entry.freshUntil = Math.min(entry.freshUntil, now);
  }

  /** There are other upstreams now. */
  clear(): void {
    this.#changes += 1;
    this.#entries.clear();
    this.#accepted.clear();
  }

  #find(query: Query): Entry | undefined {
    return this.isAdmitted(query) ? this.#entries.get(query.key) : undefined;
  }
}

function bytesOf({ pieces }: PublicResult, head: Head): number {
  let characters = 0;
  for (const piece of pieces) characters += piece.length;
  for (const [name, value] of Object.entries(head)) characters += name.length + value.length;
  // Two bytes a character at most.
  return characters * 2;
}
