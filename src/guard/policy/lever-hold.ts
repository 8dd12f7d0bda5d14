/** A live change while it holds: who made it, why, and until when. */
import { AllclearError, type Clock } from '../../kernel/index.ts';

export const DEFAULT_TTL_SECONDS = 900;
export const MAX_TTL_SECONDS = 86_400;
const MAX_TEXT = 500;
/** How long a wall clock that was set forward may go unnoticed. */
const LOOK_MS = 30_000;
/** Wall and monotonic time drift apart a little without anybody having set a clock. */
const DRIFT_MS = 1000;

/** What a caller asks for. */
export interface LeverChange {
  readonly value: string;
  /** Seconds until it returns to its base; default 900, at most 86,400. */
  readonly ttlSeconds?: number;
  readonly reason: string;
  readonly actor: string;
  readonly incident?: string | null;
}

/** A change that holds, as it is kept. Times are epoch ms. */
export interface HoldRecord {
  readonly value: string;
  readonly actor: string;
  readonly reason: string;
  readonly incident: string | null;
  readonly setAt: number;
  readonly until: number;
}

/** A hold as lists show it: who, why, until when. */
export type Held = Omit<HoldRecord, 'value'>;

export function heldOf(hold: Hold | null): Held | null {
  if (hold === null) return null;
  const { actor, reason, incident, setAt, until } = hold.record;
  return { actor, reason, incident, setAt, until };
}

/**
 * What is kept of a change from now on.
 * @param value the change's value, normalized
 * @throws AllclearError `E_BAD_VALUE`
 */
export function newHold(clock: Clock, change: LeverChange, value: string): HoldRecord {
  const ttlSeconds = change.ttlSeconds ?? DEFAULT_TTL_SECONDS;
  if (!(ttlSeconds > 0 && ttlSeconds <= MAX_TTL_SECONDS)) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `a lever cannot be held for ${ttlSeconds} seconds`,
      next: `The time to live is more than 0 and at most ${MAX_TTL_SECONDS} seconds (24h).`,
    });
  }
  const setAt = clock.now();
  return {
    value,
    actor: needed('actor', change.actor),
    reason: needed('reason', change.reason),
    incident: change.incident ? change.incident.slice(0, MAX_TEXT) : null,
    setAt,
    until: setAt + ttlSeconds * 1000,
  };
}

/**
 * A hold with its timer. It ends when the wall clock says `until`. Should that clock be set back, it still
 * ends after its time to live; should it be set forward, that is noticed within half a minute.
 */
export class Hold {
  readonly #clock: Clock;
  readonly #record: HoldRecord;
  /** Monotonic ms of the end, whatever the wall clock says. */
  readonly #due: number;
  readonly #ended: () => void;
  #cancel: () => void = () => {};

  /** @param ended called once, unless cancelled; at once (by timer) when `until` has passed */
  constructor(clock: Clock, record: HoldRecord, ended: () => void) {
    this.#clock = clock;
    this.#record = record;
    this.#ended = ended;
    const ttl = Math.min(record.until - record.setAt, MAX_TTL_SECONDS * 1000);
    this.#due = clock.monotonic() + Math.max(0, Math.min(record.until - clock.now(), ttl));
    this.#wait();
  }

  /** As it is, with the end that now counts. */
  get record(): HoldRecord {
    const due = Math.round(this.#clock.now() + this.#due - this.#clock.monotonic());
    return due < this.#record.until - DRIFT_MS ? { ...this.#record, until: due } : this.#record;
  }

  cancel(): void {
    this.#cancel();
  }

  #wait(): void {
    const left = this.#left();
    this.#cancel = this.#clock.after(Math.min(left, LOOK_MS), () => {
      if (this.#left() > 0) this.#wait();
      else this.#ended();
    });
  }

  #left(): number {
    const wall = this.#record.until - this.#clock.now();
    return Math.max(0, Math.min(wall, this.#due - this.#clock.monotonic()));
  }
}

/** @throws AllclearError `E_BAD_VALUE` when it is missing or longer than 500 characters */
export function needed(field: string, value: string): string {
  const text = value.trim();
  if (text !== '' && text.length <= MAX_TEXT) return text;
  throw new AllclearError('E_BAD_VALUE', {
    what: text === '' ? `the ${field} is missing` : `the ${field} is longer than ${MAX_TEXT} characters`,
    next: 'Every live change names its actor and its reason, so that others know who did what, and why.',
  });
}
