/** One task after another, in the order they came. */
import { AllclearError } from '../../kernel/index.ts';

export class Serial {
  readonly #bound: number;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @param bound tasks waiting or running at most */
  constructor(bound: number) {
    this.#bound = bound;
  }

  get idle(): boolean {
    return this.#waiting === 0;
  }

  /** Ends as the task ends. Errors: `E_LIMIT` when too many wait, and what the task throws. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#bound) {
      throw new AllclearError('E_LIMIT', {
        what: `${this.#waiting} changes of this lever are waiting for its commands`,
        next: 'Look with `allclear lever` at what they do, and try again when they have ended.',
      });
    }
    this.#waiting += 1;
    const mine = this.#tail.then(task);
    this.#tail = mine.catch(() => {});
    try {
      return await mine;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Resolves when what waits now has ended. */
  async settled(): Promise<void> {
    await this.#tail;
  }
}
