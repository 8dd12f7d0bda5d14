/**
 * How many initialize requests one upstream has in hand, and whether it can take another.
 *
 * What was sent cannot be taken back: a server works through a request whose client has left, and even a
 * connection reset does not keep it from reading what has arrived (tried on Linux). So waiting is done
 * here, where leaving costs nothing, and not in the server's own queue:
 *
 * - Always, at most as many are in hand as the server works off in 4 s: later answers find nobody.
 * - While the lever paces, none is sent as long as the oldest in hand is later than it should be. A pace
 *   above what the server manages would otherwise fill its queue, and clients that give up after 5 s,
 *   having waited here for 4 and there for more than one, would all be served in vain.
 * - While the lever says `auto`, as many are in hand as keep the server busy, and hardly more (`VegasLimit`).
 */
import type { Clock } from '../../kernel/index.ts';
import { Followers } from './followers.ts';
import type { LeverValues } from './lever-values.ts';
import { VegasLimit } from './vegas-limit.ts';

/** An answer may take this many times what it takes on a calm server … */
const PATIENCE = 3;
/** … but at least, and at most, so many milliseconds. */
const LEAST_MS = 400;
const MOST_MS = 2000;
/** Without a pace: as many as the server answers in so many seconds … */
const BACKLOG_SECONDS = 4;
/** … but at least so many (a slow server may be a wide one), and at most so many. */
const LEAST_BACKLOG = 256;
const MOST_BACKLOG = 1000;
/** With a pace: one that is so late was lost by the server, and keeps nobody else out … */
const LOST_MS = 30_000;
/** … and with `auto`, where few are in hand, one that takes so many times what is usual, and 2 s at least. */
const LOST_FACTOR = 10;
const WINDOW_MS = 1000;
/** So few in hand are always allowed: a slow server must not be mistaken for a blocked one. */
const ALWAYS = 4;
/** A server is calm with at most so many in hand; its answers then say what an answer takes. */
const CALM = 2;
const SMOOTHING = 0.2;

/** How initialize is held: the lever MAX_INIT_PER_SECOND is off, a rate, or `auto`. */
export type Pace = 'free' | 'paced' | 'auto';

export function paceOf({
  initAuto,
  maxInitPerSecond,
}: Pick<LeverValues, 'initAuto' | 'maxInitPerSecond'>): Pace {
  if (initAuto) return 'auto';
  return maxInitPerSecond > 0 ? 'paced' : 'free';
}

export interface InHand {
  /** The answer is here, or will never come. Only the first call counts. */
  done(answered: boolean): void;
}

export class Pressure {
  readonly #clock: Clock;
  /** When each was sent (monotonic ms), oldest first. */
  readonly #sent = new Map<InHand, number>();
  /** What an answer takes on a calm server, smoothed, in ms. */
  #calmMs = 0;
  #windowStart: number;
  #windowAnswers = 0;
  #perSecond = 0;
  readonly #vegas: VegasLimit;
  /** The rest of handshakes whose initialize was answered. */
  readonly followers: Followers;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#vegas = new VegasLimit(clock);
    this.followers = new Followers(clock);
    this.#windowStart = clock.monotonic();
  }

  get inHand(): number {
    return this.#sent.size;
  }

  /** A request goes to an upstream. */
  send(): InHand {
    const sentAt = this.#clock.monotonic();
    const inHand = this.#sent.size + 1;
    const one: InHand = {
      done: (answered) => {
        if (!this.#sent.delete(one)) return;
        if (!answered) {
          this.#vegas.failed();
          return;
        }
        this.#count(1);
        const took = this.#clock.monotonic() - sentAt;
        this.#vegas.answered(took, inHand);
        if (inHand > CALM) return;
        this.#calmMs = this.#calmMs === 0 ? took : this.#calmMs + (took - this.#calmMs) * SMOOTHING;
      },
    };
    this.#sent.set(one, sentAt);
    return one;
  }

  /** How many the lever's `auto` would have in hand now. */
  get autoLimit(): number {
    return this.#vegas.limit;
  }

  canTake(pace: Pace): boolean {
    if (pace === 'auto') return this.#sent.size - this.#stuck() < this.#vegas.limit && !this.followers.late;
    if (this.#sent.size < ALWAYS) return true;
    if (this.#sent.size >= this.#mostInHand()) return false;
    return pace === 'free' || !this.#isLate();
  }

  /** How many are so late that the server has lost them: they must not keep everybody else out. */
  #stuck(): number {
    const now = this.#clock.monotonic();
    const after = Math.max(MOST_MS, this.#calmMs * LOST_FACTOR);
    let count = 0;
    for (const sentAt of this.#sent.values()) {
      if (now - sentAt <= after) break;
      count += 1;
    }
    return count;
  }

  #mostInHand(): number {
    this.#count(0);
    return Math.min(MOST_BACKLOG, Math.max(LEAST_BACKLOG, this.#perSecond * BACKLOG_SECONDS));
  }

  /** Keeps the rate of answers, over windows of a second. */
  #count(answers: number): void {
    const elapsed = this.#clock.monotonic() - this.#windowStart;
    if (elapsed >= WINDOW_MS) {
      this.#perSecond = (this.#windowAnswers * 1000) / elapsed;
      this.#windowAnswers = 0;
      this.#windowStart += elapsed;
    }
    this.#windowAnswers += answers;
  }

  /** Whether the oldest that may still be answered is later than it should be. */
  #isLate(): boolean {
    const now = this.#clock.monotonic();
    const patience = Math.min(MOST_MS, Math.max(LEAST_MS, this.#calmMs * PATIENCE));
    let awaited = this.#sent.size;
    for (const sentAt of this.#sent.values()) {
      if (now - sentAt <= LOST_MS) return awaited >= ALWAYS && now - sentAt > patience;
      awaited -= 1;
    }
    return false;
  }
}
