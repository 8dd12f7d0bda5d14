import type { Clock } from '../../kernel/index.ts';

/** Wakes those who wait, all at once. */
export class Bell {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    // Each leaves the set while it is gone through, which a Set allows.
    for (const wake of this.#waiting) wake();
  }

  /** Resolves at the next ring, after `ms`, or when the signal aborts, whatever comes first. */
  wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const cancel = this.#clock.after(ms, wake);
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
      if (signal.aborted) wake();
    });
  }
}
