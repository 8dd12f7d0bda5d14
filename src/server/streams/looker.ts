/** Looks at the store when it has changed: one look at a time, whoever waits for it, and a slow one behind all. */

import type { Desk } from '../../engine/index.ts';
import { type Log, toAllclearError } from '../../kernel/index.ts';

/** Nothing relies on being woken alone. */
const SLOW_MS = 5_000;
/** Many changes at once are one look. */
const PAUSE_MS = 20;

export class Looker {
  readonly #desk: Pick<Desk, 'store' | 'clock'>;
  readonly #log: Log;
  readonly #look: () => Promise<void>;
  readonly #unwatch: () => void;
  #cancel: () => void;
  #looking = false;
  #again = false;
  #closed = false;

  /** @param look never overlaps with itself; what it throws is logged, and it is called again later */
  constructor(desk: Pick<Desk, 'store' | 'clock'>, log: Log, look: () => Promise<void>) {
    this.#desk = desk;
    this.#log = log;
    this.#look = look;
    this.#unwatch = desk.store.onChange(() => this.wake());
    this.#cancel = desk.clock.after(SLOW_MS, () => this.wake());
  }

  /** Looks soon. */
  wake(): void {
    this.#again = true;
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    this.#cancel();
    void this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#unwatch();
  }

  async #run(): Promise<void> {
    const { clock } = this.#desk;
    while (this.#again && !this.#closed) {
      this.#again = false;
      await this.#look().catch((error: unknown) => this.#complain(error));
      await clock.sleep(PAUSE_MS);
    }
    this.#looking = false;
    if (!this.#closed) this.#cancel = clock.after(SLOW_MS, () => this.wake());
  }

  #complain(error: unknown): void {
    const { code, message } = toAllclearError(error);
    if (!this.#closed) this.#log({ event: 'streams-stalled', code, what: message });
  }
}
