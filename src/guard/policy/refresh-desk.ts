/**
 * Who gets which answer to a token refresh: equal refreshes share one.
 *
 * A **flight** is one refresh on its way to the authorization server. It *waits* for its turn, is *sent*,
 * and *lands* with an answer that all its **riders** get. A flight that nobody rides any more is given up
 * while it waits; once sent it goes on without riders, because the refresh token is used up and its answer is
 * the only copy of the new credential.
 *
 * Refreshes with one refresh token that are not equal (another proof of the client, another scope) share
 * nothing, but go one after the other in a **lane**: sent together, all but the first would look like a thief's.
 *
 * For the grace after a good landing the answer is on the **shelf**, and given again to equal refreshes.
 */
import type { Clock } from '../../kernel/index.ts';
import { AnswerShelf, type Kept } from './answer-shelf.ts';

/** How a rider came by its answer: by a request of its own, by somebody else's, or from the kept ones. */
export type Share = 'own' | 'shared' | 'kept';

export interface Rider<A> {
  landed(answer: A, share: Share): void;
}

export interface Seat {
  /** The rider's client went away, or waits no longer. Does nothing once it has its answer. */
  leave(): void;
}

/** A refresh by the names of its secrets. */
export interface NamedRefresh {
  /** Equal for refreshes that may share an answer; null shares with nobody. */
  readonly key: string | null;
  /** The refresh token. */
  readonly token: string;
}

export interface Flight<A> {
  /** From now on it goes on without riders. */
  sent(): void;
  /** It did not arrive, and waits for another turn: without riders it is given up. */
  unsent(): void;
  /** Gives the answer to all riders. @param success null unless there are new tokens in it */
  land(answer: A, success: Success<A> | null): void;
}

export interface Success<A> {
  /** The key of the same refresh with the refresh token that the answer brings, if it brings one. */
  readonly nextKey: string | null;
  /** What those in the lane behind get when the refresh token is used up; null when it still holds. */
  readonly usedUp: A | null;
  /** Makes what is kept for the grace. */
  keep(): Kept<A>;
}

/** Starts a flight. What it returns gives it up while it waits. */
export type Launch<A> = (flight: Flight<A>) => () => void;

export interface DeskLimits {
  readonly coalesce: boolean;
  /** 0 keeps nothing. */
  readonly graceSeconds: number;
}

/** Equal refreshes, and the flight that they wait for. */
interface Group<A> {
  /** A symbol shares with nobody. */
  readonly key: string | symbol;
  readonly riders: Map<Rider<A>, Share>;
  readonly launch: Launch<A>;
  /** `next`: in its lane, behind another. */
  state: 'next' | 'waiting' | 'sent' | 'landed';
  giveUp: (() => void) | null;
}

interface Lane<A> {
  /** By key, in order of arrival; the first is in flight. */
  readonly groups: Map<string | symbol, Group<A>>;
  advancing: boolean;
}

export class RefreshDesk<A> {
  readonly #limits: () => DeskLimits;
  readonly #shelf: AnswerShelf<A>;
  /** By refresh token. */
  readonly #lanes = new Map<string, Lane<A>>();
  #riders = 0;

  /** @param limits read at every decision, so a lever takes effect at once */
  constructor(clock: Clock, limits: () => DeskLimits) {
    this.#limits = limits;
    this.#shelf = new AnswerShelf(clock, () => limits().graceSeconds);
  }

  /** Riders without an answer yet. */
  get riders(): number {
    return this.#riders;
  }

  /** Answers kept for the grace. */
  get kept(): number {
    return this.#shelf.size;
  }

  /** Takes a refresh in. The rider may have its answer before this returns. */
  enter({ key, token }: NamedRefresh, rider: Rider<A>, launch: Launch<A>): Seat {
    const kept = key === null ? null : this.#shelf.give(key);
    if (kept) {
      rider.landed(kept.answer, 'kept');
      return { leave: () => {} };
    }
    const lane = this.#limits().coalesce ? this.#lane(token) : makeLane<A>();
    const joined = key === null ? undefined : lane.groups.get(key);
    const group = joined ?? makeGroup(key ?? Symbol('alone'), launch);
    lane.groups.set(group.key, group);
    group.riders.set(rider, joined ? 'shared' : 'own');
    this.#riders += 1;
    this.#advance(token, lane);
    return { leave: () => this.#leave(token, lane, group, rider) };
  }

  /** The grace has changed: drops what is kept for too long by now. */
  update(): void {
    this.#shelf.update();
  }

  /** Drops everything that is kept. */
  close(): void {
    this.#shelf.clear();
  }

  #lane(token: string): Lane<A> {
    const lane = this.#lanes.get(token) ?? makeLane<A>();
    this.#lanes.set(token, lane);
    return lane;
  }

  /** Starts the first of the lane. One that lands before its launch returns makes way for the next at once. */
  #advance(token: string, lane: Lane<A>): void {
    if (lane.advancing) return;
    lane.advancing = true;
    for (const group of lane.groups.values()) {
      if (group.state !== 'next') break;
      group.state = 'waiting';
      group.giveUp = group.launch(this.#flight(token, lane, group));
      if (lane.groups.has(group.key)) break;
    }
    lane.advancing = false;
    if (lane.groups.size === 0 && this.#lanes.get(token) === lane) this.#lanes.delete(token);
  }

  #flight(token: string, lane: Lane<A>, group: Group<A>): Flight<A> {
    return {
      sent: () => {
        group.state = 'sent';
      },
      unsent: () => {
        group.state = 'waiting';
        this.#giveUpIfEmpty(token, lane, group);
      },
      land: (answer, success) => {
        this.#remove(lane, group);
        if (success) this.#keep(group.key, success);
        this.#land(group, answer, null);
        if (success && success.usedUp !== null) this.#landAll(lane, success.usedUp);
        this.#advance(token, lane);
      },
    };
  }

  #keep(key: string | symbol, success: Success<A>): void {
    if (typeof key !== 'string') return;
    const keys = success.nextKey === null ? [key] : [key, success.nextKey];
    this.#shelf.put(keys, () => success.keep());
  }

  #landAll(lane: Lane<A>, answer: A): void {
    for (const group of lane.groups.values()) {
      this.#remove(lane, group);
      this.#land(group, answer, 'own');
    }
  }

  #remove(lane: Lane<A>, group: Group<A>): void {
    group.state = 'landed';
    lane.groups.delete(group.key);
  }

  #land({ riders }: Group<A>, answer: A, share: Share | null): void {
    const all = [...riders];
    riders.clear();
    this.#riders -= all.length;
    for (const [rider, own] of all) rider.landed(answer, share ?? own);
  }

  #leave(token: string, lane: Lane<A>, group: Group<A>, rider: Rider<A>): void {
    if (!group.riders.delete(rider)) return;
    this.#riders -= 1;
    this.#giveUpIfEmpty(token, lane, group);
  }

  #giveUpIfEmpty(token: string, lane: Lane<A>, group: Group<A>): void {
    if (group.riders.size > 0 || group.state === 'sent' || group.state === 'landed') return;
    this.#remove(lane, group);
    group.giveUp?.();
    this.#advance(token, lane);
  }
}

function makeLane<A>(): Lane<A> {
  return { groups: new Map(), advancing: false };
}

function makeGroup<A>(key: string | symbol, launch: Launch<A>): Group<A> {
  return { key, riders: new Map(), launch, state: 'next', giveUp: null };
}
