/**
 * Which upstream each session of the older era lives on. Bounded: beyond `maxEntries` the entry that
 * was idle longest is forgotten (the session itself lives on; its next request is routed as an unknown one).
 */
import type { Clock } from '../../kernel/index.ts';
import type { Upstream } from './upstreams.ts';

const MOVE_MS = 1000;

export interface Session {
  readonly id: string;
  /** The path it was initialized on: only there does a 404 speak of the session. */
  readonly path: string;
  upstream: Upstream;
  /** The upstream's `boot` when it last recognized this session. */
  boot: number;
  /** Monotonic ms of the last request. */
  seenAt: number;
  /** Monotonic ms when it took its place in the order of use. */
  movedAt: number;
  /** GET streams open now. */
  streams: number;
  /** Requests in progress, streams aside. */
  calls: number;
}

export interface SessionLimits {
  readonly maxEntries: number;
  /** A session without a stream and without a request for so long is no longer counted. */
  readonly idleSeconds: number;
  /** A session without a stream counts as in use for so long after its last request. */
  readonly activeSeconds: number;
  /** How many lost session ids are remembered, and for how long. */
  readonly maxLost: number;
  readonly lostSeconds: number;
}

export class SessionTable {
  readonly #clock: Clock;
  readonly #limits: SessionLimits;
  readonly #added: () => void;
  /** In order of use, to a second: the first is idle longest. */
  readonly #live = new Map<string, Session>();
  /** Lost sessions by id: until when that is remembered (monotonic ms), and where it should still be ended. */
  readonly #lost = new Map<string, { readonly until: number; owed: Upstream | null }>();
  /** Sessions lost since the start. */
  lostTotal = 0;
  /** Sessions that the guard ended since the start. */
  endedTotal = 0;

  /** @param added called when there is one more */
  constructor(clock: Clock, limits: SessionLimits, added: () => void = () => {}) {
    this.#clock = clock;
    this.#limits = limits;
    this.#added = added;
  }

  /** All that are known, those included whose client may have left without a word. */
  get size(): number {
    return this.#live.size;
  }

  /** Sessions in use: with a stream open, or a request within the last `activeSeconds`. */
  get active(): number {
    const since = this.#clock.monotonic() - this.#limits.activeSeconds * 1000;
    let count = 0;
    for (const session of this.#live.values()) if (session.streams > 0 || session.seenAt >= since) count += 1;
    return count;
  }

  /** A session that an upstream issued, or recognized. */
  add(id: string, upstream: Upstream, path: string): Session {
    this.forget(id);
    this.#lost.delete(id);
    if (this.#live.size >= this.#limits.maxEntries) {
      const idlest = this.#live.values().next().value;
      if (idlest) this.forget(idlest.id);
    }
    const seenAt = this.#clock.monotonic();
    const session: Session = {
      id,
      path,
      upstream,
      boot: upstream.boot,
      seenAt,
      movedAt: seenAt,
      streams: 0,
      calls: 0,
    };
    this.#live.set(id, session);
    upstream.sessions += 1;
    this.#added();
    return session;
  }

  /** The session, marked as used now. */
  use(id: string): Session | undefined {
    const session = this.#live.get(id);
    if (!session) return undefined;
    const now = this.#clock.monotonic();
    // To the end, but not at every request: the order is worth a second, and moving leaves garbage that lasts.
    if (now - session.movedAt >= MOVE_MS) {
      session.movedAt = now;
      this.#live.delete(id);
      this.#live.set(id, session);
    }
    session.seenAt = now;
    return session;
  }

  has(session: Session): boolean {
    return this.#live.get(session.id) === session;
  }

  /** True for a session that is known to be gone. */
  isLost(id: string): boolean {
    const lost = this.#lost.get(id);
    return lost !== undefined && lost.until > this.#clock.monotonic();
  }

  /** The client ended it, or it is no longer interesting. Not a loss. */
  forget(id: string): void {
    const session = this.#live.get(id);
    if (!session) return;
    this.#live.delete(id);
    session.upstream.sessions -= 1;
  }

  /** The upstream no longer knows it. */
  lose(session: Session): void {
    if (!this.has(session)) return;
    this.forget(session.id);
    this.#remember(session.id);
    this.lostTotal += 1;
  }

  /**
   * How long until so many sessions have been idle for `idleMs`: nothing in progress, and no request for so
   * long (an open event stream is no use of it). 0 when they are already, Infinity when too many are in use.
   */
  idleIn(count: number, idleMs: number): number {
    let left = count;
    if (left <= 0) return 0;
    for (const session of this.#live.values()) {
      if (session.calls > 0) continue;
      left -= 1;
      if (left === 0) return Math.max(0, session.seenAt + idleMs - this.#clock.monotonic());
    }
    return Number.POSITIVE_INFINITY;
  }

  /** The one that has been idle longest, and for at least `idleMs`. */
  idlest(idleMs: number): Session | undefined {
    const before = this.#clock.monotonic() - idleMs;
    for (const session of this.#live.values()) {
      if (session.seenAt > before) return undefined;
      if (session.calls === 0) return session;
    }
    return undefined;
  }

  /** The guard ends it: its client is told that it is gone. */
  end(session: Session): void {
    if (!this.has(session)) return;
    this.forget(session.id);
    this.#remember(session.id);
    this.endedTotal += 1;
  }

  /** An ended session lives on at its upstream, because that wants to see its client's credentials. */
  owe(id: string, upstream: Upstream): void {
    const lost = this.#lost.get(id);
    if (lost) lost.owed = upstream;
  }

  /** Where an ended session should still be ended; tells it once. */
  takeOwed(id: string): Upstream | null {
    const lost = this.#lost.get(id);
    const owed = lost?.owed ?? null;
    if (lost) lost.owed = null;
    return owed;
  }

  /** The upstream's process has gone, and its sessions with it. Returns how many. */
  loseAll(upstream: Upstream): number {
    let count = 0;
    for (const session of this.#live.values()) {
      if (session.upstream !== upstream) continue;
      this.lose(session);
      count += 1;
    }
    return count;
  }

  /** Forgets sessions that were idle for too long, and lost ids that nobody asks for any more. */
  sweep(): void {
    const now = this.#clock.monotonic();
    for (const session of this.#live.values()) {
      if (now - session.seenAt < this.#limits.idleSeconds * 1000) break;
      if (session.streams === 0) this.forget(session.id);
    }
    for (const [id, lost] of this.#lost) {
      if (lost.until > now) break;
      this.#lost.delete(id);
    }
  }

  #remember(id: string): void {
    if (this.#lost.size >= this.#limits.maxLost) {
      const oldest = this.#lost.keys().next().value;
      if (oldest !== undefined) this.#lost.delete(oldest);
    }
    this.#lost.set(id, { until: this.#clock.monotonic() + this.#limits.lostSeconds * 1000, owed: null });
  }
}
