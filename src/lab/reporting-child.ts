import type { z } from 'zod';
import { AllclearError } from '../kernel/index.ts';
import { Child, mainModule } from './child.ts';
import type { PartContext } from './lab.ts';

const READY_MS = 20_000;

const nothing = () => {};

/** A process of the lab that reports its state a few times a second, and takes commands. */
export class ReportingChild<Report, Command extends object> {
  readonly #child: Child;
  readonly #listeners = new Set<(report: Report) => void>();
  #latest: Report;

  private constructor(child: Child, schema: z.ZodType<Report>, first: Report) {
    this.#child = child;
    this.#latest = first;
    child.onMessage((message) => {
      this.#latest = schema.parse(message);
      for (const listener of this.#listeners) listener(this.#latest);
    });
  }

  /**
   * Starts the module with its settings and waits for its first report.
   * Errors: `E_CHILD_ENDED`, `E_TIMEOUT`, or the signal's reason.
   * @param main the module below `src/lab`, without its ending
   */
  static async start<Report, Command extends object>(
    { name, main, settings, report }: ReportingProgram<Report>,
    { clock, signal, onCrash }: PartContext,
  ): Promise<ReportingChild<Report, Command>> {
    const command = [process.execPath, mainModule(main).pathname, JSON.stringify(settings)] as const;
    const child = new Child({ name, command, clock });
    try {
      const first = await child.waitFor<Report>(
        (from, found) => void from.onMessage((message) => found(report.parse(message))),
        { timeoutMs: READY_MS, what: 'ready', signal },
      );
      child.onCrash(onCrash);
      return new ReportingChild<Report, Command>(child, report, first);
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  get latest(): Report {
    return this.#latest;
  }

  /** Calls `listener` with each new report; the returned function ends it. */
  onReport(listener: (report: Report) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  send(command: Command): void {
    this.#child.send(command);
  }

  /**
   * Waits for a report that `holds`. Errors: `E_TIMEOUT`, `E_CHILD_ENDED`, or the signal's reason.
   * @param options.seen what to say of the newest report when it takes too long
   */
  async until(
    holds: (report: Report) => boolean,
    options: {
      readonly timeoutMs: number;
      readonly what: string;
      readonly seen?: (report: Report) => string;
      readonly signal?: AbortSignal;
    },
  ): Promise<Report> {
    if (holds(this.#latest)) return this.#latest;
    let unsubscribe = nothing;
    const { timeoutMs, what, signal } = options;
    try {
      return await this.#child.waitFor<Report>(
        (_, found) => {
          unsubscribe = this.onReport((report) => {
            if (holds(report)) found(report);
          });
        },
        { timeoutMs, what, signal },
      );
    } catch (error) {
      if (!options.seen || !(error instanceof AllclearError) || error.code !== 'E_TIMEOUT') throw error;
      const said = `${error.details.what} (${options.seen(this.#latest)})`;
      throw new AllclearError('E_TIMEOUT', { ...error.details, what: said });
    } finally {
      unsubscribe();
    }
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}

/** What runs in a reporting child. */
export interface ReportingProgram<Report> {
  /** For messages: `agents`. */
  readonly name: string;
  /** The module below `src/lab`, without its ending. */
  readonly main: string;
  readonly settings: object;
  readonly report: z.ZodType<Report>;
}
