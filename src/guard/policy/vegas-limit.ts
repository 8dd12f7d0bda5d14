/**
 * How many initialize requests a server should have in hand, found from how long its answers take.
 *
 * The algorithm is TCP Vegas (Brakmo and Peterson, "TCP Vegas: End to End Congestion Avoidance on a Global
 * Internet", 1995), with requests for segments. Of `limit` requests in hand, `limit × (1 − base / latency)` wait
 * inside the server, where `base` is what an answer takes when nothing else is in hand. Once a round (as
 * many answers as the limit):
 *
 * - fewer than ALPHA × √limit wait: one more (twice as many until enough wait for the first time: slow start);
 * - more than BETA × √limit wait: one less; after an answer that never came: half.
 *
 * The departures. Hardly anybody should wait, so the thresholds are low: the rest of a handshake needs the
 * server too, and a saturated event loop accepts but one connection a turn (libuv since 1.45), so that two
 * initializes a turn already starve the event streams. They grow with √limit because servers, unlike links,
 * vary by themselves; for the same reason `base` is a mean and not the least. And under unbroken load it would
 * grow old, so that every 30 s the limit is 1 for a few answers (as in ProbeRTT of BBR, Cardwell et al. 2016).
 */
import type { Clock } from '../../kernel/index.ts';

const ALPHA = 0.3;
const BETA = 0.6;
const MOST = 1000;
/** So many answers to requests that were alone make a base. */
const PROBE_ANSWERS = 5;
const BASE_LASTS_MS = 30_000;
/** With a limit of 1 nobody ever waits, so 2 are tried so often: nothing else would tell that there is room. */
const TRY_TWO_MS = 1000;
const SMOOTHING = 0.2;

export class VegasLimit {
  readonly #clock: Clock;
  #limit = 1;
  #slowStart = true;
  /** Mean ms of an answer that had the server for itself; 0 before the first. */
  #baseMs = 0;
  #baseAt = Number.NEGATIVE_INFINITY;
  /** When the limit fell to 1, in monotonic ms. */
  #oneSince = Number.NEGATIVE_INFINITY;
  /** Answers that a probe still needs; 0 when none is under way. */
  #probing = PROBE_ANSWERS;
  #roundAnswers = 0;
  #roundMs = 0;
  #roundMost = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many may be in hand now. */
  get limit(): number {
    return this.#probing > 0 ? 1 : this.#limit;
  }

  /**
   * An answer is here.
   * @param tookMs since the request was sent
   * @param inHand how many were in hand when it was sent, itself included
   */
  answered(tookMs: number, inHand: number): void {
    if (inHand === 1) this.#rebase(tookMs);
    else if (this.#probing === 0) this.#count(tookMs, inHand);
    if (this.#probing === 0 && this.#clock.monotonic() - this.#baseAt > BASE_LASTS_MS) {
      this.#probing = PROBE_ANSWERS;
    }
  }

  /** The answer will never come. */
  failed(): void {
    this.#slowStart = false;
    this.#lower(Math.floor(this.#limit / 2));
    this.#startRound();
  }

  #rebase(tookMs: number): void {
    const known = this.#baseMs > 0;
    this.#baseMs = known ? this.#baseMs + (tookMs - this.#baseMs) * SMOOTHING : tookMs;
    if (this.#probing > 0) this.#probing -= 1;
    if (this.#probing > 0) return;
    const now = this.#clock.monotonic();
    this.#baseAt = now;
    if (this.#limit === 1 && now - this.#oneSince >= TRY_TWO_MS) this.#limit = 2;
  }

  #count(tookMs: number, inHand: number): void {
    this.#roundAnswers += 1;
    this.#roundMs += tookMs;
    this.#roundMost = Math.max(this.#roundMost, inHand);
    if (this.#roundAnswers >= this.#limit) this.#endRound();
  }

  #endRound(): void {
    const waiting = this.#limit * (1 - this.#baseMs / (this.#roundMs / this.#roundAnswers));
    // A limit that nothing came near was not put to the test.
    const tested = this.#roundMost * 2 > this.#limit;
    const unit = Math.sqrt(this.#limit);
    if (waiting >= ALPHA * unit) this.#slowStart = false;
    if (waiting > BETA * unit) this.#lower(this.#limit - 1);
    else if (waiting < ALPHA * unit && tested) {
      this.#limit = Math.min(MOST, this.#slowStart ? this.#limit * 2 : this.#limit + 1);
    }
    this.#startRound();
  }

  #lower(limit: number): void {
    this.#limit = Math.max(1, limit);
    if (this.#limit === 1) this.#oneSince = this.#clock.monotonic();
  }

  #startRound(): void {
    this.#roundAnswers = 0;
    this.#roundMs = 0;
    this.#roundMost = 0;
  }
}
