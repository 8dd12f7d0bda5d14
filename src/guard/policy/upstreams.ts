/** The servers behind the guard: which take new sessions, which only keep theirs, which are down. */
import type { Clock } from '../../kernel/index.ts';
import { EraKnowledge, type Speech } from './eras.ts';
import { type Pace, Pressure } from './pressure.ts';

export interface Upstream {
  /** Normalized URL without a trailing slash; also the metric label. */
  readonly name: string;
  readonly origin: string;
  /** Path below the origin without a trailing slash; '' for none. */
  readonly basePath: string;
  /** False while it is drained: it keeps its sessions and gets no new ones. */
  active: boolean;
  up: boolean;
  /** Counts the times its connections broke in a way that may have been a restart. */
  boot: number;
  sessions: number;
  /** Requests and streams in progress, initialize aside. */
  calls: number;
  /** Initialize requests that it has been sent and has not answered. */
  readonly pressure: Pressure;
  /** Which protocol eras it speaks, as far as its answers have told. */
  readonly eras: EraKnowledge;
}

export class UpstreamSet {
  readonly #clock: Clock;
  readonly #all = new Map<string, Upstream>();
  #list: readonly Upstream[] = [];
  #turn = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** All that exist: active ones and those that still have sessions. */
  get all(): readonly Upstream[] {
    return this.#list;
  }

  /**
   * Makes exactly these active. Others are drained, and dropped once they have no sessions left.
   * @param urls as `parseUpstreams` returns them
   */
  set(urls: readonly string[]): {
    readonly added: readonly Upstream[];
    readonly dropped: readonly Upstream[];
  } {
    const added: Upstream[] = [];
    for (const url of urls) {
      if (this.#all.has(url)) continue;
      const upstream = makeUpstream(url, this.#clock);
      this.#all.set(url, upstream);
      added.push(upstream);
    }
    for (const upstream of this.#all.values()) upstream.active = urls.includes(upstream.name);
    this.#list = [...this.#all.values()];
    return { added, dropped: this.dropIdle() };
  }

  /** Drops drained upstreams that nobody uses any more. */
  dropIdle(): readonly Upstream[] {
    const dropped: Upstream[] = [];
    for (const upstream of this.#all.values()) {
      if (upstream.active || upstream.sessions + upstream.calls + upstream.pressure.inHand > 0) continue;
      this.#all.delete(upstream.name);
      dropped.push(upstream);
    }
    if (dropped.length > 0) this.#list = [...this.#all.values()];
    return dropped;
  }

  /** True when some upstream that takes new clients is up, however busy. */
  get available(): boolean {
    return this.#usable('anything').length > 0;
  }

  /** True when one of them may take clients of this era. */
  isAvailable(speech: Speech): boolean {
    return this.#usable(speech).length > 0;
  }

  /**
   * The upstream for a client that opens: the one with the fewest handshakes in hand, then the fewest
   * sessions, then by turns. Undefined when none is up and can take one more.
   * @param tried upstreams that rejected it
   * @param speech what it is said in
   */
  choose(pace: Pace, tried: readonly Upstream[] = [], speech: Speech = 'older'): Upstream | undefined {
    const candidates = this.#usable(speech, tried).filter((one) => one.pressure.canTake(pace));
    this.#turn += 1;
    let best: Upstream | undefined;
    for (let index = 0; index < candidates.length; index++) {
      const one = candidates[(index + this.#turn) % candidates.length]!;
      if (!best || isLessBusy(one, best)) best = one;
    }
    return best;
  }

  /** Whether `choose` would find one. */
  canTake(pace: Pace, speech: Speech = 'older'): boolean {
    return this.#usable(speech).some((one) => one.pressure.canTake(pace));
  }

  /**
   * An upstream for a request that belongs to no session, by turns; one that is down when all are.
   * @param tried upstreams that did not take it
   * @param spread whether it goes as often to those of which it was never learned whether they take it
   */
  pick(need: Speech | 'anything', tried: readonly Upstream[], spread: boolean): Upstream | undefined {
    let from = this.#usable(need, tried);
    if (from.length > 1 && !spread && need !== 'anything') {
      const known = from.filter((one) => one.eras.spoke(need));
      if (known.length > 0) from = known;
    }
    const active = this.all.filter((one) => one.active);
    if (tried.length === 0 && !active.some((one) => one.up)) from = active;
    this.#turn += 1;
    return from[this.#turn % from.length];
  }

  /** Whether another one may take it, now or when it is up again. */
  hasAnother(need: Speech, tried: readonly Upstream[]): boolean {
    return this.#usable(need, tried).length > 0 || this.#isAway(need, tried);
  }

  /** One that takes it is down. */
  #isAway(need: Speech, tried: readonly Upstream[]): boolean {
    return this.all.some((one) => one.active && !one.up && one.eras.spoke(need) && !tried.includes(one));
  }

  /** Those that are up and may take it; ones known not to take it only when there is no other. */
  #usable(need: Speech | 'anything', tried: readonly Upstream[] = []): readonly Upstream[] {
    const up = this.all.filter((one) => one.active && one.up && !tried.includes(one));
    if (need === 'anything') return up;
    const willing = up.filter((one) => takes(one, need));
    if (willing.length > 0) return willing;
    // When one that takes it is down, clients do better to come again than to hear from a server of the other
    // era that theirs is unknown, which makes them change over.
    return tried.length > 0 || this.#isAway(need, tried) ? [] : up;
  }
}

function takes({ eras, boot }: Upstream, need: Speech): boolean {
  if (eras.knows(need, boot) === 'no') return false;
  return need !== 'sessionless' || eras.knows('older', boot) !== 'no';
}

function isLessBusy(a: Upstream, b: Upstream): boolean {
  const difference = a.pressure.inHand - b.pressure.inHand;
  return difference === 0 ? a.sessions < b.sessions : difference < 0;
}

function makeUpstream(url: string, clock: Clock): Upstream {
  const { origin, pathname } = new URL(url);
  const basePath = pathname === '/' ? '' : pathname;
  return {
    name: url,
    origin,
    basePath,
    active: true,
    up: false,
    boot: 0,
    sessions: 0,
    calls: 0,
    pressure: new Pressure(clock),
    eras: new EraKnowledge(clock),
  };
}
