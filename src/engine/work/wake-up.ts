import type { Clock } from '../../kernel/index.ts';

/** Waits for a wake-up or a time, whichever is first; a wake-up that came since `rest` counts. */
export class WakeUp {
  #woken = Promise.withResolvers<void>();

  /** From here on wake-ups count. */
  rest(): void {
    this.#woken = Promise.withResolvers<void>();
  }

  wake(): void {
    this.#woken.resolve();
  }

  async wait(clock: Clock, ms: number): Promise<void> {
    const late = Promise.withResolvers<void>();
    const cancel = clock.after(ms, late.resolve);
    await Promise.race([this.#woken.promise, late.promise]);
    cancel();
  }
}
