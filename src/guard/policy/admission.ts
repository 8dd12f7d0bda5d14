/**
 * The paced queue in front of `initialize` and `server/discover`: who is let in, in which order, and who is told to come back.
 *
 * A **ticket** is one such request of a live connection. It waits until the pace allows it
 * (`admit`), until it has waited too long or there is no room (`refuse`), or until its client went
 * away (`leave`); exactly one of the three happens. First come, first served; a ticket that left costs
 * nothing, neither a slot nor a pause.
 *
 * The pace is the generic cell rate algorithm (ITU-T I.371): one admission every 1/rate seconds, with
 * a credit of at most `burst - 1` so that a late timer does not lower the rate.
 */
import type { Clock } from '../../kernel/index.ts';

export interface AdmissionLimits {
  /** Admissions per second; 0 lets everyone in at once. */
  readonly ratePerSecond: number;
  /** How long a ticket may wait before it is refused. 0 refuses whatever cannot go at once. */
  readonly queueSeconds: number;
  /** Tickets beyond this many waiting ones are refused at once. */
  readonly maxWaiting: number;
}

/** `open`: admissions may happen. `hold`: nobody can be served now, wait. `full`: there is no room, refuse. */
export type Gate = 'open' | 'hold' | 'full';

/** Why a ticket was refused. */
export type Refusal = 'waited-too-long' | 'queue-full' | 'sessions-full' | 'stopping';

export interface Applicant {
  /** What it needs, as the gate knows it: those whom the gate holds do not hold up those of another lane. */
  readonly lane?: string;
  admit(): void;
  refuse(why: Refusal): void;
}

export interface Ticket {
  /** The client went away. Does nothing when the ticket was admitted or refused before. */
  leave(): void;
  /** The admission could not be used (the server was gone before anything was sent): wait on at the head. */
  giveBack(): void;
}

interface Place extends Ticket {
  readonly applicant: Applicant;
  readonly enteredAt: number;
}

export class AdmissionQueue {
  readonly #clock: Clock;
  readonly #limits: (lane: string) => AdmissionLimits;
  readonly #gate: (lane: string) => Gate;
  /** In order of arrival. */
  readonly #waiting = new Set<Place>();
  /** How many wait in each lane. */
  readonly #lanes = new Map<string, number>();
  /** Monotonic ms at which the next admission is due without any credit. */
  #due = Number.NEGATIVE_INFINITY;
  #pumping = false;
  #again = false;
  #closed = false;
  /** Somebody could go but for the pace. */
  #awaitsPace = false;
  /** When the first of those at the head of their lanes has waited too long. */
  #nextExpiry = Number.POSITIVE_INFINITY;
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancelWake: (() => void) | null = null;

  /**
   * @param limits read at every decision, so a lever takes effect at once; call `update` after a change. Only the
   * queue time may hang on the lane, and only while there is no pace.
   * @param gate read before every admission; call `poke` after a change
   */
  constructor(clock: Clock, limits: (lane: string) => AdmissionLimits, gate: (lane: string) => Gate) {
    this.#clock = clock;
    this.#limits = limits;
    this.#gate = gate;
  }

  /** Tickets that wait now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes an applicant in. `admit` or `refuse` may be called before this returns. */
  enter(applicant: Applicant): Ticket {
    const place: Place = {
      applicant,
      enteredAt: this.#clock.monotonic(),
      leave: () => this.#remove(place),
      giveBack: () => {
        if (this.#closed) {
          applicant.refuse('stopping');
          return;
        }
        const others = [...this.#waiting];
        this.#waiting.clear();
        this.#add(place);
        for (const one of others) this.#waiting.add(one);
        this.#pump();
      },
    };
    if (this.#closed) applicant.refuse('stopping');
    else if (this.#waiting.size >= this.#limits('').maxWaiting) applicant.refuse('queue-full');
    else {
      this.#add(place);
      this.#pump();
    }
    return place;
  }

  /** The gate may have opened or closed: decides anew for everyone who waits. */
  poke(): void {
    if (this.#waiting.size > 0) this.#pump();
  }

  /** A limit has changed: decides anew for everyone who waits, with the new pace. */
  update(): void {
    const { ratePerSecond } = this.#limits('');
    if (ratePerSecond > 0) {
      // A debt from a slower pace must not hold up the new one.
      const most = this.#clock.monotonic() + 1000 / ratePerSecond + creditMs(ratePerSecond);
      this.#due = Math.min(this.#due, most);
    }
    this.poke();
  }

  /** Refuses everyone who waits, and whoever comes later. */
  close(): void {
    this.#closed = true;
    this.#cancelWake?.();
    this.#cancelWake = null;
    for (const place of this.#waiting) this.#refuse(place, 'stopping');
  }

  #add(place: Place): void {
    const { lane = '' } = place.applicant;
    this.#waiting.add(place);
    this.#lanes.set(lane, (this.#lanes.get(lane) ?? 0) + 1);
  }

  #remove(place: Place): void {
    if (!this.#waiting.delete(place)) return;
    const { lane = '' } = place.applicant;
    const left = this.#lanes.get(lane)! - 1;
    if (left > 0) this.#lanes.set(lane, left);
    else this.#lanes.delete(lane);
  }

  #pump(): void {
    // An applicant's reaction may enter, leave or update: finish this round first.
    this.#again = true;
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#again) {
        this.#again = false;
        this.#round();
      }
    } finally {
      // Also when an applicant failed: the others go on.
      this.#pumping = false;
      this.#schedule();
    }
  }

  #round(): void {
    const now = this.#clock.monotonic();
    const held = new Set<string>();
    this.#awaitsPace = false;
    this.#nextExpiry = Number.POSITIVE_INFINITY;
    for (const place of this.#waiting) {
      const { lane = '' } = place.applicant;
      if (held.has(lane)) continue;
      const gate = this.#gate(lane);
      const expiry = this.#expiry(place);
      if (gate === 'full') this.#refuse(place, 'sessions-full');
      else if (gate === 'open' && this.#mayAdmit(now)) this.#admit(place, now);
      else if (now >= expiry) this.#refuse(place, 'waited-too-long');
      else {
        this.#nextExpiry = Math.min(this.#nextExpiry, expiry);
        this.#awaitsPace = gate === 'open';
        held.add(lane);
        // The pace is for all lanes together.
        if (gate === 'open' || held.size >= this.#lanes.size) return;
      }
    }
  }

  #mayAdmit(now: number): boolean {
    const { ratePerSecond } = this.#limits('');
    return ratePerSecond <= 0 || now >= this.#due - creditMs(ratePerSecond);
  }

  #admit(place: Place, now: number): void {
    const { ratePerSecond } = this.#limits('');
    if (ratePerSecond > 0) this.#due = Math.max(this.#due, now) + 1000 / ratePerSecond;
    this.#remove(place);
    place.applicant.admit();
  }

  #refuse(place: Place, why: Refusal): void {
    this.#remove(place);
    place.applicant.refuse(why);
  }

  #expiry(place: Place): number {
    return place.enteredAt + this.#limits(place.applicant.lane ?? '').queueSeconds * 1000;
  }

  /** Sleeps until the head of a lane may go or has waited too long. */
  #schedule(): void {
    let wakeAt = Number.POSITIVE_INFINITY;
    if (this.#waiting.size > 0 && !this.#closed) {
      const { ratePerSecond } = this.#limits('');
      wakeAt = this.#nextExpiry;
      if (ratePerSecond > 0 && this.#awaitsPace) {
        wakeAt = Math.min(wakeAt, this.#due - creditMs(ratePerSecond));
      }
    }
    if (wakeAt === this.#wakeAt && this.#cancelWake) return;
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#wakeAt = wakeAt;
    if (wakeAt === Number.POSITIVE_INFINITY) return;
    const wait = Math.max(1, Math.ceil(wakeAt - this.#clock.monotonic()));
    this.#cancelWake = this.#clock.after(wait, () => {
      this.#cancelWake = null;
      this.#pump();
    });
  }
}

/** One admission of credit, and at high rates at least 20 ms of it: timers are that late under load. */
function creditMs(ratePerSecond: number): number {
  return Math.max(1000 / ratePerSecond, 20);
}
