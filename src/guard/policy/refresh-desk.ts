/**
 * Who gets which answer to a token refresh: equal refreshes share one.
 *
 * A **flight** is one refresh on its way to the authorization server. It *waits* for its turn, is *sent*,
 * and *lands* with an answer that all its **riders** get. A flight that nobody rides any more is given up
 * while it waits; once sent it goes on without riders, because the refresh token is used up and its answer is
 * the only copy of the new credential. For the grace after a good landing the answer is **kept**, in memory
 * only, and given again to equal refreshes.
 */
import type { Clock } from '../../kernel/index.ts';

/** How a rider came by its answer: by a request of its own, by somebody else's, or from the kept ones. */
export type Share = 'own' | 'shared' | 'kept';

export interface Rider<A> {
  landed(answer: A, share: Share): void;
}

export interface Seat {
  /** The rider's client went away, or waits no longer. Does nothing once it has its answer. */
  leave(): void;
}

export interface Flight<A> {
  /** From now on it goes on without riders. */
  sent(): void;
  /** It did not arrive, and waits for another turn: without riders it is given up. */
  unsent(): void;
  /** Gives the answer to all riders. @param copy makes what is kept for the grace; null keeps nothing */
  land(answer: A, copy: (() => Kept<A>) | null): void;
}

/** An answer that is kept for the grace. */
export interface Kept<A> {
  readonly bytes: number;
  /** The answer once more. */
  give(): A;
  /** Overwrites what was kept. */
  wipe(): void;
}

export interface DeskLimits {
  readonly coalesce: boolean;
  /** 0 keeps nothing. */
  readonly graceSeconds: number;
}

const MAX_KEPT = 10_000;
const MAX_KEPT_BYTES = 32 * 1024 * 1024;

interface Shelf<A> {
  readonly kept: Kept<A>;
  readonly since: number;
  readonly cancel: () => void;
}

export class RefreshDesk<A> {
  readonly #clock: Clock;
  readonly #limits: () => DeskLimits;
  readonly #flights = new Map<string, Riders<A>>();
  /** Oldest first. */
  readonly #shelf = new Map<string, Shelf<A>>();
  #shelfBytes = 0;
  #waiting = 0;

  /** @param limits read at every decision, so a lever takes effect at once */
  constructor(clock: Clock, limits: () => DeskLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Riders without an answer yet. */
  get riders(): number {
    return this.#waiting;
  }

  /** Answers kept for the grace. */
  get kept(): number {
    return this.#shelf.size;
  }

  /**
   * Takes a refresh in. The rider may have its answer before this returns.
   * @param key equal for refreshes that may share an answer; null shares with nobody
   * @param launch starts a flight when one is needed; what it returns gives a waiting flight up
   */
  enter(key: string | null, rider: Rider<A>, launch: (flight: Flight<A>) => () => void): Seat {
    const { coalesce } = this.#limits();
    const kept = key === null ? undefined : this.#take(key);
    if (kept) {
      rider.landed(kept.give(), 'kept');
      return { leave: () => {} };
    }
    const running = key !== null && coalesce ? this.#flights.get(key) : undefined;
    const riders = running ?? new Riders<A>((change) => (this.#waiting += change));
    const seat = riders.add(rider, running ? 'shared' : 'own');
    if (!running) this.#start(key, riders, launch);
    return seat;
  }

  /** The grace has become shorter: drops what is kept for too long by now. */
  update(): void {
    for (const key of this.#shelf.keys()) this.#take(key);
  }

  /** Drops everything that is kept. */
  close(): void {
    for (const key of this.#shelf.keys()) this.#drop(key);
  }

  #start(key: string | null, riders: Riders<A>, launch: (flight: Flight<A>) => () => void): void {
    if (key !== null && !this.#flights.has(key)) this.#flights.set(key, riders);
    const end = () => {
      if (key !== null && this.#flights.get(key) === riders) this.#flights.delete(key);
    };
    let giveUp: (() => void) | null = null;
    const waits = () => {
      riders.onEmpty = () => {
        end();
        giveUp?.();
      };
    };
    waits();
    giveUp = launch({
      sent: () => {
        riders.onEmpty = null;
      },
      unsent: () => {
        waits();
        if (riders.size === 0) riders.onEmpty?.();
      },
      land: (answer, copy) => {
        riders.onEmpty = null;
        end();
        if (key !== null && copy) this.#keep(key, copy);
        riders.land(answer);
      },
    });
  }

  #keep(key: string, copy: () => Kept<A>): void {
    const { graceSeconds } = this.#limits();
    if (graceSeconds <= 0) return;
    const kept = copy();
    this.#drop(key);
    this.#shelfBytes += kept.bytes;
    const cancel = this.#clock.after(graceSeconds * 1000, () => this.#drop(key));
    this.#shelf.set(key, { kept, since: this.#clock.monotonic(), cancel });
    for (const oldest of this.#shelf.keys()) {
      if (this.#shelf.size <= MAX_KEPT && this.#shelfBytes <= MAX_KEPT_BYTES) break;
      this.#drop(oldest);
    }
  }

  /** What is kept under the key, if it is within the grace that is in force now. */
  #take(key: string): Kept<A> | undefined {
    const entry = this.#shelf.get(key);
    if (!entry) return undefined;
    if (this.#clock.monotonic() - entry.since < this.#limits().graceSeconds * 1000) return entry.kept;
    this.#drop(key);
    return undefined;
  }

  #drop(key: string): void {
    const entry = this.#shelf.get(key);
    if (!entry) return;
    this.#shelf.delete(key);
    this.#shelfBytes -= entry.kept.bytes;
    entry.cancel();
    entry.kept.wipe();
  }
}

/** The riders of one flight. */
class Riders<A> {
  readonly #all = new Map<Rider<A>, Share>();
  readonly #count: (change: number) => void;
  /** Called when the last rider has left a flight that still waits. */
  onEmpty: (() => void) | null = null;

  constructor(count: (change: number) => void) {
    this.#count = count;
  }

  get size(): number {
    return this.#all.size;
  }

  add(rider: Rider<A>, share: Share): Seat {
    this.#all.set(rider, share);
    this.#count(1);
    return {
      leave: () => {
        if (!this.#all.delete(rider)) return;
        this.#count(-1);
        if (this.#all.size === 0) this.onEmpty?.();
      },
    };
  }

  land(answer: A): void {
    const all = [...this.#all];
    this.#all.clear();
    this.#count(-all.length);
    for (const [rider, share] of all) rider.landed(answer, share);
  }
}
