import type { Clock } from '../../kernel/index.ts';

/** What a query takes, in milliseconds; asked when it begins. */
type ServiceTime = () => number;

/**
 * So many workers, and a queue in front of them: what a database's pool does with its queries. First come,
 * first served, whether or not somebody still waits for the result.
 */
export class WorkerPool {
  readonly #clock: Clock;
  readonly #workers: number;
  readonly #maxWaiting: number;
  readonly #serviceMs: ServiceTime;
  #queue: (() => void)[] = [];
  /** The first that still waits; what lies before it has begun. */
  #head = 0;
  #running = 0;
  #queries = 0;
  #done = 0;

  constructor(
    clock: Clock,
    {
      workers,
      maxWaiting,
      serviceMs,
    }: { readonly workers: number; readonly maxWaiting: number; readonly serviceMs: ServiceTime },
  ) {
    this.#clock = clock;
    this.#workers = workers;
    this.#maxWaiting = maxWaiting;
    this.#serviceMs = serviceMs;
  }

  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  get running(): number {
    return this.#running;
  }

  /** Queries taken in, since the start. */
  get queries(): number {
    return this.#queries;
  }

  get done(): number {
    return this.#done;
  }

  /** Calls `onDone` when the query is done; false, and no call, when too many wait. */
  submit(onDone: () => void): boolean {
    const free = this.#running < this.#workers;
    if (!free && this.waiting >= this.#maxWaiting) return false;
    this.#queries += 1;
    if (free) this.#begin(onDone);
    else this.#queue.push(onDone);
    return true;
  }

  #begin(onDone: () => void): void {
    this.#running += 1;
    this.#clock.after(this.#serviceMs(), () => {
      this.#running -= 1;
      this.#done += 1;
      this.#next();
      onDone();
    });
  }

  #next(): void {
    const next = this.#queue[this.#head];
    if (!next) return;
    this.#head += 1;
    if (this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.#begin(next);
  }
}
