/**
 * How many initialize requests a server should have in hand, found from how long its answers take.
 *
 * The algorithm is TCP Vegas (Brakmo and Peterson, "TCP Vegas: End to End Congestion Avoidance on a Global
 * Internet", 1995), with requests for segments. Of `limit` requests in hand, `limit × (1 − base / latency)` wait
 * inside the server, where `base` is what an answer takes when nothing else is in hand. A few should wait,
 * so that the server is never idle; more only makes everybody late. Once a round (as many answers as the limit):
 *
 * - fewer than ALPHA wait: one more (twice as many until the first time that enough wait: slow start);
 * - more than BETA wait: one less; an answer that never came: half.
 *
 * Two departures. `base` is the mean of such answers and not the least, because servers, unlike links,
 * vary by themselves. And under unbroken load it would grow old, so that every 30 s the limit is 1 for a
 * few answers (as BBR does in ProbeRTT, Cardwell et al. 2016).
 */
import type { Clock } from '../../kernel/index.ts';

const ALPHA = 2;
const BETA = 4;
const FIRST_LIMIT = 4;
const MOST = 1000;
/** So many answers to requests that were alone make a base. */
const PROBE_ANSWERS = 5;
const BASE_LASTS_MS = 30_000;
const SMOOTHING = 0.2;

export class VegasLimit {
  readonly #clock: Clock;
  #limit = FIRST_LIMIT;
  #slowStart = true;
  /** Mean ms of an answer that had the server for itself; 0 before the first. */
  #baseMs = 0;
  #baseAt = Number.NEGATIVE_INFINITY;
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
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#startRound();
  }

  #rebase(tookMs: number): void {
    const known = this.#baseMs > 0;
    this.#baseMs = known ? this.#baseMs + (tookMs - this.#baseMs) * SMOOTHING : tookMs;
    if (this.#probing > 0) this.#probing -= 1;
    // With a limit of 1 nobody ever waits, so nothing would tell that there is room for more.
    else if (this.#limit === 1) this.#limit = 2;
    if (this.#probing === 0) this.#baseAt = this.#clock.monotonic();
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
    if (waiting > BETA) this.#limit = Math.max(1, this.#limit - 1);
    else if (waiting < ALPHA && tested) {
      this.#limit = Math.min(MOST, this.#slowStart ? this.#limit * 2 : this.#limit + 1);
    }
    if (waiting >= ALPHA) this.#slowStart = false;
    this.#startRound();
  }

  #startRound(): void {
    this.#roundAnswers = 0;
    this.#roundMs = 0;
    this.#roundMost = 0;
  }
}
