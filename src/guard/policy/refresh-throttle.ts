/**
 * Heeds an authorization server that says "too many": nothing is sent for as long as it asks, and then
 * it is tried with one request, twice as many per round as long as it answers (slow start, RFC 5681, 3.1).
 */
import type { Clock } from '../../kernel/index.ts';
import type { Gate } from './admission.ts';

/** The shortest hold, and the first when the server does not say for how long: then doubled with each round. */
const FIRST_HOLD_SECONDS = 1;
const LONGEST_GUESS_SECONDS = 16;
/** What the server asks for is heeded up to this; then it is tried again with one request. */
const LONGEST_HOLD_SECONDS = 120;
/** Refreshes under way together at most, also when all is well. */
const WIDEST_WINDOW = 256;

export class RefreshThrottle {
  readonly #clock: Clock;
  readonly #changed: () => void;
  #heldUntil = Number.NEGATIVE_INFINITY;
  /** Requests that may be under way together. */
  #window = WIDEST_WINDOW;
  #underWay = 0;
  #guessSeconds = FIRST_HOLD_SECONDS;
  #cancel: () => void = () => {};

  /** @param changed called when requests may go that could not go before */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** Seconds for which nothing is sent; 0 when something may. */
  get heldSeconds(): number {
    return Math.max(0, (this.#heldUntil - this.#clock.monotonic()) / 1000);
  }

  /** @param patienceSeconds who cannot go within this is told at once */
  gate(patienceSeconds: number): Gate {
    const held = this.heldSeconds;
    if (held > patienceSeconds) return 'full';
    return held > 0 || this.#underWay >= this.#window ? 'hold' : 'open';
  }

  sent(): void {
    this.#underWay += 1;
  }

  /** The server answered, whatever it said, or broke off: no longer under way. */
  ended(): void {
    this.#underWay -= 1;
    this.#changed();
  }

  /** It did the work it was asked for. */
  served(): void {
    this.#guessSeconds = FIRST_HOLD_SECONDS;
    this.#window = Math.min(WIDEST_WINDOW, this.#window + 1);
  }

  /** It said "too many". @param retryAfterSeconds what it asks for, or null */
  throttled(retryAfterSeconds: number | null): void {
    this.#window = 1;
    // Those that were under way together are one round: the first has set the guess for all.
    if (retryAfterSeconds === null && this.heldSeconds > 0) return;
    const asked = retryAfterSeconds ?? this.#guessSeconds;
    if (retryAfterSeconds === null)
      this.#guessSeconds = Math.min(LONGEST_GUESS_SECONDS, this.#guessSeconds * 2);
    const seconds = Math.min(LONGEST_HOLD_SECONDS, Math.max(FIRST_HOLD_SECONDS, asked));
    const until = this.#clock.monotonic() + seconds * 1000;
    if (until <= this.#heldUntil) return;
    this.#heldUntil = until;
    this.#cancel();
    this.#cancel = this.#clock.after(Math.ceil(seconds * 1000), () => {
      // A timer may be a little early: whoever finds the hold still on then would not be told again.
      this.#heldUntil = Number.NEGATIVE_INFINITY;
      this.#changed();
    });
  }

  close(): void {
    this.#cancel();
  }
}

/**
 * The seconds of a Retry-After header (RFC 9110, 10.2.3: a number, or a date), or null.
 * @param now epoch ms
 */
export function retryAfterOf(text: string, now: number): number | null {
  const trimmed = text.trim();
  if (/^\d{1,9}$/.test(trimmed)) return Number(trimmed);
  const date = trimmed.endsWith('GMT') ? Date.parse(trimmed) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - now) / 1000));
}
