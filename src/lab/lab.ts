import { AllclearError, type Clock } from '../kernel/index.ts';
import { type Fleet, type FleetOptions, startFleet } from './fleet.ts';
import { type GuardProcess, type GuardProcessOptions, startGuardProcess } from './guard-process.ts';
import { startUpstream, type Upstream, type UpstreamOptions } from './upstream.ts';

/** Something the lab started and has to stop. */
interface Part {
  stop(): Promise<void>;
}

/** What every part gets from its lab. */
export interface PartContext {
  readonly clock: Clock;
  /** Aborts when the lab is over. */
  readonly signal: AbortSignal;
  /** To be called when the part ends without having been told to. */
  readonly onCrash: (error: Error) => void;
}

/** The options of a part without what the lab itself gives. */
type Own<T> = Omit<T, keyof PartContext>;

/**
 * Everything a drill starts, and the promise that nothing of it stays: parts stop in reverse order
 * of their start on `stop`, when the given signal aborts, and when any of them crashes. A part that
 * fails to start is stopped by itself; the others stay for `stop`.
 */
export class Lab {
  readonly #clock: Clock;
  readonly #parts: Part[] = [];
  readonly #over = new AbortController();
  #stopping: Promise<void> | undefined;

  /** @param signal stops the lab when it aborts (Ctrl-C) */
  constructor({ clock, signal }: { clock: Clock; signal?: AbortSignal }) {
    this.#clock = clock;
    if (signal?.aborted) this.#over.abort(signal.reason);
    signal?.addEventListener('abort', () => this.#fail(signal.reason as Error), { once: true });
  }

  /** Aborts when the lab is over before its work is done: with `E_CHILD_ENDED` when a part crashed, or with the reason of the given signal. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  startUpstream(options: Own<UpstreamOptions> = {}): Promise<Upstream> {
    return this.start((context) => startUpstream({ ...options, ...context }));
  }

  startGuardProcess(options: Own<GuardProcessOptions>): Promise<GuardProcess> {
    return this.start((context) => startGuardProcess({ ...options, ...context }));
  }

  startFleet(options: Own<FleetOptions>): Promise<Fleet> {
    return this.start((context) => startFleet({ ...options, ...context }));
  }

  /** Adds a part that was started elsewhere (a scraper, a store) to what `stop` stops. */
  add(part: Part): void {
    this.#parts.push(part);
  }

  /** Stops every part, the last one first, even when one of them fails to. Resolves when no child is left. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Starts a part with the lab's clock, signal and way to report a crash, and stops it with the lab. */
  async start<T extends Part>(start: (context: PartContext) => Promise<T>): Promise<T> {
    this.#over.signal.throwIfAborted();
    if (this.#stopping) throw new AllclearError('E_CANCELLED', { what: 'the lab has been stopped' });
    const part = await start({
      clock: this.#clock,
      signal: this.#over.signal,
      onCrash: (error) => this.#fail(error),
    });
    if (this.#stopping) {
      await part.stop();
      throw new AllclearError('E_CANCELLED', { what: 'the lab has been stopped' });
    }
    this.#parts.push(part);
    return part;
  }

  #fail(reason: Error): void {
    if (this.#stopping) return;
    this.#over.abort(reason);
    void this.stop().catch(() => {});
  }

  async #stopAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let part = this.#parts.pop(); part; part = this.#parts.pop()) {
      await part.stop().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
