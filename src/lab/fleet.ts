import { AllclearError, type Clock } from '../kernel/index.ts';
import { Child, mainModule } from './child.ts';
import { type FleetCommand, type FleetReport, fleetOptionsSchema, fleetReportSchema } from './messages.ts';

const READY_MS = 20_000;
/** A quarter of a second each: an hour. */
const MAX_SERIES = 14_400;

const nothing = () => {};

/** How many clients, where they connect, and how patient they are. */
export interface FleetOptions {
  readonly clients: number;
  /** The MCP endpoint all of them use. */
  readonly url: string;
  /** How long a client waits for an answer before it gives up; default 5. */
  readonly timeoutSeconds?: number;
  /** Pause before a client tries again, in milliseconds; default 100. */
  readonly retryMs?: number;
  /** Each client calls a tool this often; default 20, 0 never. */
  readonly callEverySeconds?: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Called when the process ends without having been told to. */
  readonly onCrash?: (error: Error) => void;
}

/** A running fleet of careless MCP hosts, in a process of its own. */
export class Fleet {
  readonly #child: Child;
  readonly #series: FleetReport[] = [];
  readonly #listeners = new Set<(report: FleetReport) => void>();

  /** Use `startFleet`. */
  constructor(child: Child, first: FleetReport) {
    this.#child = child;
    this.#series.push(first);
    child.onMessage((message) => this.#take(fleetReportSchema.parse(message)));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The newest report, at most about a quarter of a second old. */
  get latest(): FleetReport {
    return this.#series.at(-1)!;
  }

  /** The reports so far, oldest first; of a long run only the last hour. */
  get series(): readonly FleetReport[] {
    return this.#series;
  }

  /** Calls `listener` with each new report; the returned function ends it. */
  onReport(listener: (report: FleetReport) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Connects all clients, at most `concurrency` handshakes at a time, so that the healthy start is no storm.
   * Errors: `E_TIMEOUT` when not all are connected within `timeoutMs`, `E_CHILD_ENDED`, or the signal's reason.
   */
  async connect(
    options: { concurrency?: number; timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<void> {
    this.#send({ type: 'connect', concurrency: options.concurrency ?? 4 });
    await this.until((report) => report.connected === report.clients, {
      what: 'connected',
      timeoutMs: options.timeoutMs ?? 120_000,
      signal: options.signal,
    });
  }

  /** From now on `perSecond` clients a second leave properly and come back, as on any working day; 0 ends it. */
  churn(perSecond: number): void {
    this.#send({ type: 'churn', perSecond });
  }

  /** Waits for a report that `holds`. Errors: `E_TIMEOUT`, `E_CHILD_ENDED`, or the signal's reason. */
  async until(
    holds: (report: FleetReport) => boolean,
    options: { timeoutMs: number; what?: string; signal?: AbortSignal | undefined },
  ): Promise<FleetReport> {
    if (holds(this.latest)) return this.latest;
    let unsubscribe = nothing;
    try {
      return await this.#child.waitFor<FleetReport>(
        (_, found) => {
          unsubscribe = this.onReport((report) => {
            if (holds(report)) found(report);
          });
        },
        { timeoutMs: options.timeoutMs, what: options.what ?? 'as expected', signal: options.signal },
      );
    } catch (error) {
      throw error instanceof AllclearError && error.code === 'E_TIMEOUT' ? this.#late(error) : error;
    } finally {
      unsubscribe();
    }
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }

  #send(command: FleetCommand): void {
    this.#child.send(command);
  }

  #take(report: FleetReport): void {
    this.#series.push(report);
    if (this.#series.length > MAX_SERIES) this.#series.shift();
    for (const listener of this.#listeners) listener(report);
  }

  /** The time-out with what the fleet last saw. */
  #late(error: AllclearError): AllclearError {
    const { connected, clients, lastError } = this.latest;
    const seen = `${connected} of ${clients} clients are connected${lastError === '' ? '' : `; last error: ${lastError}`}`;
    return new AllclearError('E_TIMEOUT', { ...error.details, what: `${error.details.what} (${seen})` });
  }
}

/** Starts a fleet; no client connects before `connect`. Errors: `E_CHILD_ENDED`, `E_TIMEOUT`, `E_BAD_VALUE`. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const settings = fleetOptionsSchema.safeParse({
    url: options.url,
    clients: options.clients,
    timeoutMs: options.timeoutSeconds === undefined ? undefined : options.timeoutSeconds * 1000,
    retryMs: options.retryMs,
    callEveryMs: options.callEverySeconds === undefined ? undefined : options.callEverySeconds * 1000,
  });
  if (!settings.success) {
    const [issue] = settings.error.issues;
    throw new AllclearError('E_BAD_VALUE', {
      what: `the fleet cannot have ${issue?.path.join('.')}: ${issue?.message}`,
      cause: settings.error,
    });
  }
  const child = new Child({
    name: 'fleet',
    command: [process.execPath, mainModule('fleet-main').pathname, JSON.stringify(settings.data)],
    clock: options.clock,
  });
  try {
    const first = await child.waitFor<FleetReport>(
      (from, found) => void from.onMessage((message) => found(fleetReportSchema.parse(message))),
      { timeoutMs: READY_MS, what: 'ready', signal: options.signal },
    );
    child.onCrash((error) => options.onCrash?.(error));
    return new Fleet(child, first);
  } catch (error) {
    await child.stop();
    throw error;
  }
}
