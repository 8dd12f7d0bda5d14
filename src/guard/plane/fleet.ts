/**
 * Watches the upstreams: their connections, whether they are up, and when their sessions are lost.
 *
 * Evidence, from strong to weak: a refused connection means that no process listens, so its in-memory
 * sessions are gone. A broken connection may be a restart: the upstream is probed, and its sessions are in
 * doubt (`boot`) until it recognizes them. A connection that does not come about (time-out, name, route)
 * says nothing of the sessions.
 */
import type { Clock } from '../../kernel/index.ts';
import type { Log } from '../log.ts';
import type { SessionTable } from '../policy/sessions.ts';
import type { Upstream, UpstreamSet } from '../policy/upstreams.ts';
import { ClientGone, Connections, type Failure, failureOf, probe } from './connections.ts';

const WATCH_MS = 1000;
const RETRY_MS = 200;
const DOUBT_MS = 100;
const NOTHING = () => {};
const PROBE_TIMEOUT_MS = 2000;

type DownFailure = Exclude<Failure, 'broken' | 'invalid'>;
const WHY: Readonly<Record<DownFailure, string>> = {
  refused: 'it does not accept connections',
  unreachable: 'it cannot be reached',
  untrusted:
    'its certificate is not accepted: it has expired, is for another name, or is signed by an authority that is not known (--upstream-ca)',
  plain: 'it does not speak TLS: does its URL begin with http:// rather than https://?',
};

interface Member {
  readonly connections: Connections;
  probing: boolean;
  cancelProbe: () => void;
  cancelDoubt: () => void;
  /** Monotonic ms of the last probe. */
  probedAt: number;
  /** Monotonic ms of the last sign of life. */
  aliveAt: number;
}

export interface FleetOptions {
  readonly clock: Clock;
  readonly upstreams: UpstreamSet;
  readonly sessions: SessionTable;
  /** Called when an upstream came up or went down, or lost its sessions. */
  readonly changed: () => void;
  readonly log: Log;
  /** Authorities to trust at https upstreams, PEM; those of the system when undefined. */
  readonly ca?: readonly string[] | undefined;
}

export class Fleet {
  readonly #clock: Clock;
  readonly #upstreams: UpstreamSet;
  readonly #sessions: SessionTable;
  readonly #changed: () => void;
  readonly #log: Log;
  readonly #ca: readonly string[] | undefined;
  readonly #members = new Map<Upstream, Member>();
  #closed = false;

  constructor({ clock, upstreams, sessions, changed, log, ca }: FleetOptions) {
    this.#clock = clock;
    this.#upstreams = upstreams;
    this.#sessions = sessions;
    this.#changed = changed;
    this.#log = log;
    this.#ca = ca;
  }

  /** Makes exactly these upstreams active; resolves when the new ones were probed once. */
  async set(urls: readonly string[]): Promise<void> {
    const { added, dropped } = this.#upstreams.set(urls);
    for (const upstream of dropped) this.#drop(upstream);
    await Promise.all(added.map((upstream) => this.#adopt(upstream)));
  }

  /** Undefined once the upstream is dropped. */
  connections(upstream: Upstream): Connections | undefined {
    return this.#members.get(upstream)?.connections;
  }

  /** The upstream answered something. */
  alive(upstream: Upstream): void {
    const member = this.#members.get(upstream);
    if (!member) return;
    member.aliveAt = this.#clock.monotonic();
    if (!upstream.up) this.#turn(upstream, true, 'it answers');
  }

  /** An exchange with the upstream failed. */
  failed(upstream: Upstream, error: Error): Failure {
    const failure = failureOf(error);
    // Ended by ourselves: no evidence at all.
    if (error instanceof ClientGone) return failure;
    this.#judge(upstream, failure);
    return failure;
  }

  /**
   * Something happened that a restart would explain: asks whether the process is still there, now and a
   * little later (a dying process may close its listener after its connections).
   */
  doubt(upstream: Upstream): void {
    const member = this.#members.get(upstream);
    if (!member) return;
    upstream.boot += 1;
    // A thousand streams that break at once are one occasion.
    if (this.#clock.monotonic() - member.probedAt >= DOUBT_MS) void this.#probe(upstream);
    member.cancelDoubt();
    member.cancelDoubt = this.#clock.after(DOUBT_MS, () => void this.#probe(upstream));
  }

  /** Closes upstreams that are drained and have nothing left to do. */
  sweep(): void {
    for (const upstream of this.#upstreams.dropIdle()) this.#drop(upstream);
  }

  close(): void {
    this.#closed = true;
    for (const upstream of this.#members.keys()) this.#drop(upstream);
  }

  #judge(upstream: Upstream, failure: Failure): void {
    if (!this.#members.has(upstream) || failure === 'invalid') return;
    if (failure === 'broken') {
      this.doubt(upstream);
      return;
    }
    this.#turn(upstream, false, WHY[failure]);
    if (failure === 'refused') this.#lose(upstream);
  }

  #lose(upstream: Upstream): void {
    upstream.boot += 1;
    const count = this.#sessions.loseAll(upstream);
    if (count === 0) return;
    this.#log({ event: 'sessions-lost', upstream: upstream.name, sessions: count });
    this.#changed();
  }

  #turn(upstream: Upstream, up: boolean, why: string): void {
    if (upstream.up === up) return;
    upstream.up = up;
    this.#log({ event: up ? 'upstream-up' : 'upstream-down', upstream: upstream.name, why });
    this.#watch(upstream);
    this.#changed();
  }

  async #adopt(upstream: Upstream): Promise<void> {
    const connections = new Connections(this.#clock, upstream.origin, this.#ca);
    const never = Number.NEGATIVE_INFINITY;
    this.#members.set(upstream, {
      connections,
      probing: false,
      cancelProbe: NOTHING,
      cancelDoubt: NOTHING,
      probedAt: never,
      aliveAt: never,
    });
    const failure = await this.#probe(upstream);
    // It was never up, so nothing has turned.
    if (failure) this.#log({ event: 'upstream-down', upstream: upstream.name, why: WHY[failure] });
  }

  #drop(upstream: Upstream): void {
    const member = this.#members.get(upstream);
    if (!member) return;
    this.#members.delete(upstream);
    // Who has waited for it since it was known must not go there any more.
    upstream.up = false;
    member.cancelProbe();
    member.cancelDoubt();
    member.connections.destroy();
    if (!this.#closed) this.#log({ event: 'upstream-dropped', upstream: upstream.name });
  }

  /** @returns what failed, or null */
  async #probe(upstream: Upstream): Promise<DownFailure | null> {
    const member = this.#members.get(upstream);
    if (!member || member.probing) return null;
    member.probing = true;
    member.probedAt = this.#clock.monotonic();
    const result = await probe(upstream.origin, PROBE_TIMEOUT_MS, this.#ca);
    member.probing = false;
    if (!this.#members.has(upstream)) return null;
    const failure =
      result === true ? null : result === 'broken' || result === 'invalid' ? 'unreachable' : result;
    if (failure) this.#judge(upstream, failure);
    else this.alive(upstream);
    this.#watch(upstream);
    return failure;
  }

  /** Probes again soon while it is down, and now and then while it is up and silent. */
  #watch(upstream: Upstream): void {
    const member = this.#members.get(upstream);
    if (!member) return;
    member.cancelProbe();
    member.cancelProbe = this.#clock.after(upstream.up ? WATCH_MS : RETRY_MS, () => {
      const silent = this.#clock.monotonic() - member.aliveAt >= WATCH_MS;
      if (!upstream.up || silent) void this.#probe(upstream);
      else this.#watch(upstream);
    });
  }
}
