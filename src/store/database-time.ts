import type { Clock } from '../kernel/index.ts';

const ANCHOR_EVERY_MS = 15_000;
const SAMPLES = 3;
/** Wall and monotonic clock apart by more than this: the machine was asleep, or its clock was set. */
const SUSPICIOUS_MS = 500;

/**
 * The database's time without asking it each time: what it said once, and what the local monotonic clock has counted
 * since. Setting the local clock changes nothing; a machine that slept is noticed by it.
 */
export class DatabaseTime {
  readonly #ask: () => Promise<number>;
  readonly #clock: Clock;
  /** Database time minus monotonic time. */
  #offset = 0;
  /** Wall time minus monotonic time, at the last anchor. */
  #wall = 0;
  #stopped = false;
  #cancel: () => void = () => {};
  #anchoring = false;

  /** @param ask the database's time, in epoch ms */
  constructor(ask: () => Promise<number>, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** Errors: those of asking. */
  async start(): Promise<void> {
    await this.#anchor();
    this.#repeat();
  }

  now(): number {
    const monotonic = this.#clock.monotonic();
    if (Math.abs(this.#clock.now() - monotonic - this.#wall) > SUSPICIOUS_MS) this.#anchorSoon();
    return Math.round(monotonic + this.#offset);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #repeat(): void {
    if (this.#stopped) return;
    this.#cancel = this.#clock.after(ANCHOR_EVERY_MS, () => {
      this.#anchorSoon();
      this.#repeat();
    });
  }

  /** When the database does not answer, the last anchor holds on. */
  #anchorSoon(): void {
    if (this.#stopped || this.#anchoring) return;
    this.#anchoring = true;
    void this.#anchor()
      .catch(() => {})
      .finally(() => {
        this.#anchoring = false;
      });
  }

  /** Of a few answers the quickest says most exactly what time it was. */
  async #anchor(): Promise<void> {
    let quickest = Number.POSITIVE_INFINITY;
    let offset = this.#offset;
    for (let sample = 0; sample < SAMPLES; sample++) {
      const before = this.#clock.monotonic();
      const said = await this.#ask();
      const took = this.#clock.monotonic() - before;
      if (took < quickest) offset = said - (before + took / 2);
      quickest = Math.min(quickest, took);
    }
    this.#offset = offset;
    this.#wall = this.#clock.now() - this.#clock.monotonic();
  }
}
