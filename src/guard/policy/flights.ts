/**
 * Single flight: of identical requests one **leads** and is sent; the others **wait** and share its result if
 * that is public. Each member hears exactly one of `lead`, `share` and `refuse`, unless it left.
 *
 * - Who waits on whom: with the same credential at once; with another one only when an upstream has
 *   accepted it for this very request (see `ResultCache`).
 * - A result with a ttl is for all who wait. One without a ttl, or overtaken by a change, is only for the
 *   **founders**, who were there before the request was sent: what they get is not older than their question.
 *   Those who came later found the next flight, so N at once cost two requests.
 * - A result that is not public: everyone goes alone, and for a while nobody waits for such a request.
 * - A failure: whoever may have a stale result gets it. One of the others leads again; after the second
 *   failure the rest are refused, for the upstream does not get better by being asked more.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../kernel/index.ts';
import type { PublicResult } from './cacheable.ts';
import type { Head, Kept, Query, ResultCache, Snapshot } from './result-cache.ts';

const MAX_FAILURES = 2;
/** For so long a request whose result was not public is taken for one that cannot be shared. */
const ALONE_MS = 30_000;
const MAX_ALONE = 10_000;

export interface Member {
  readonly query: Query;
  /** On which flight it waits; kept by `Flights`. */
  flight: Flight | null;
  /** Send the request, and say with `land` what came of it. */
  lead(flight: Flight): void;
  /** @param how `shared`: just received; `stale`: the upstream fails */
  share(kept: Kept, ttlMs: number, how: 'shared' | 'stale'): void;
  /** The upstream fails. */
  refuse(): void;
  /** The last one that waited for the request it leads has left. */
  deserted(): void;
}

export interface Flight {
  readonly query: Query;
  readonly leader: Member;
  readonly before: Snapshot;
  readonly founders: Set<Member>;
  readonly joiners: Set<Member>;
  readonly failures: number;
  /** Nobody waits for it. */
  readonly alone: boolean;
}

/** `refused`: the upstream says no to this request (4xx, a JSON-RPC error). `failed`: 5xx, or no answer at all. */
export type Landing =
  | { readonly kind: 'public'; readonly result: PublicResult; readonly head: Head }
  | { readonly kind: 'private' | 'refused' | 'failed' };

export class Flights {
  readonly #cache: ResultCache;
  readonly #clock: Clock;
  readonly #byPass = new Map<string, Flight>();
  /** One flight for each result, led by a credential that was accepted before. */
  readonly #byKey = new Map<string, Flight>();
  /** Keys and passes that are not shared, and the monotonic ms until which that is believed. */
  readonly #alone = new LRUCache<string, number>({ max: MAX_ALONE });

  constructor(clock: Clock, cache: ResultCache) {
    this.#clock = clock;
    this.#cache = cache;
  }

  /** Flights on their way. */
  get size(): number {
    return this.#byPass.size;
  }

  /** Takes a request in. It is told to lead before this returns, or it waits. */
  enter(member: Member): void {
    const { query } = member;
    if (this.#isAlone(query.key) || this.#isAlone(query.pass)) {
      this.#leadAlone(member);
      return;
    }
    const flight =
      this.#byPass.get(query.pass) ??
      (this.#cache.isAdmitted(query) ? this.#byKey.get(query.key) : undefined);
    if (flight) {
      flight.joiners.add(member);
      member.flight = flight;
    } else this.#found(member, [], 0);
  }

  /** The member waits no more: its client went away, or was answered otherwise. */
  leave(member: Member): void {
    const { flight } = member;
    if (!flight) return;
    member.flight = null;
    flight.founders.delete(member);
    flight.joiners.delete(member);
    if (!this.isAwaited(flight)) flight.leader.deserted();
  }

  /** Whether somebody waits for this flight besides its leader. */
  isAwaited({ founders, joiners }: Flight): boolean {
    return founders.size + joiners.size > 0;
  }

  /** The leader's request has ended. */
  land(flight: Flight, landing: Landing): void {
    if (this.#byPass.get(flight.query.pass) === flight) this.#byPass.delete(flight.query.pass);
    if (this.#byKey.get(flight.query.key) === flight) this.#byKey.delete(flight.query.key);
    switch (landing.kind) {
      case 'public':
        this.#alone.delete(flight.query.key);
        this.#alone.delete(flight.query.pass);
        this.#share(flight, landing);
        return;
      case 'private':
        this.#cache.forget(flight.query);
        this.#goAlone(flight, flight.query.key);
        return;
      case 'refused':
        this.#cache.refuse(flight.query);
        if (flight.failures + 1 < MAX_FAILURES) this.#again(flight);
        else this.#goAlone(flight, flight.query.pass);
        return;
      case 'failed':
        this.giveStale(flight);
        if (flight.failures + 1 < MAX_FAILURES) this.#again(flight);
        else for (const member of takeAll(flight)) member.refuse();
    }
  }

  /** The upstream fails: those who may have a stale result need not wait for the end of it. */
  giveStale(flight: Flight): void {
    for (const member of waiting(flight)) {
      const kept = this.#cache.stale(member.query);
      if (!kept) continue;
      this.leave(member);
      member.share(kept, 0, 'stale');
    }
  }

  #share(flight: Flight, { result, head }: { result: PublicResult; head: Head }): void {
    const { query, before, joiners } = flight;
    this.#cache.accept(query);
    const overtaken = this.#cache.overtaken(before);
    this.#cache.keep(query, result, head, before);
    const forAll = result.ttlMs > 0 && !overtaken;
    const ttlMs = overtaken ? 0 : result.ttlMs;
    const later = forAll ? [] : take(joiners);
    for (const member of takeAll(flight)) {
      // While it waited, its credential may have become one that must be asked about again.
      const same = member.query.pass === query.pass;
      if (same || this.#cache.isAdmitted(member.query)) member.share({ result, head }, ttlMs, 'shared');
      else this.enter(member);
    }
    const [next, ...rest] = later;
    if (next) this.#found(next, rest, 0);
  }

  #again(flight: Flight): void {
    const [next, ...rest] = takeAll(flight);
    if (next) this.#found(next, rest, flight.failures + 1);
  }

  #goAlone(flight: Flight, what: string): void {
    this.#alone.set(what, this.#clock.monotonic() + ALONE_MS);
    for (const member of takeAll(flight)) this.#leadAlone(member);
  }

  #leadAlone(member: Member): void {
    member.lead(this.#flight(member, [], 0, true));
  }

  #isAlone(what: string): boolean {
    return (this.#alone.get(what) ?? Number.NEGATIVE_INFINITY) > this.#clock.monotonic();
  }

  #found(leader: Member, others: readonly Member[], failures: number): void {
    const { query } = leader;
    const flight = this.#flight(leader, others, failures, false);
    if (!this.#byPass.has(query.pass)) this.#byPass.set(query.pass, flight);
    if (this.#cache.isAdmitted(query) && !this.#byKey.has(query.key)) this.#byKey.set(query.key, flight);
    for (const member of others) member.flight = flight;
    leader.lead(flight);
  }

  #flight(leader: Member, others: readonly Member[], failures: number, alone: boolean): Flight {
    const before = this.#cache.snapshot();
    const { query } = leader;
    return { query, leader, before, founders: new Set(others), joiners: new Set(), failures, alone };
  }
}

function waiting({ founders, joiners }: Flight): readonly Member[] {
  return [...founders, ...joiners];
}

/** They wait for this flight no more. */
function takeAll({ founders, joiners }: Flight): readonly Member[] {
  return [...take(founders), ...take(joiners)];
}

function take(members: Set<Member>): readonly Member[] {
  const taken = [...members];
  members.clear();
  for (const member of taken) member.flight = null;
  return taken;
}
