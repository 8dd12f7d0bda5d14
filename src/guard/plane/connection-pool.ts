/**
 * Connections to one origin, one request at a time on each, kept alive for as long as the server allows.
 *
 * A request takes the connection that came free last. When there is none, another is opened. That costs several times
 * as much as a call, so that after a short stall, when calls have piled up, opening one for each would make the stall
 * long: while connections come free all the time only some are opened, and the other calls wait for what comes free.
 * When none comes free, as in front of slow tools, each gets its own at once.
 */
import { Client, type Dispatcher } from 'undici';
import type { Clock } from '../../kernel/index.ts';

/** Opening is paced as long as a connection came free within this time, which is longer than most stalls. */
const COMES_FREE_MS = 100;
const PACE_MS = 5;
const OPENED_EACH_PACE = 2;

interface Connection {
  readonly client: Client;
  busy: boolean;
  connected: boolean;
}

interface Waiting {
  readonly options: Dispatcher.DispatchOptions;
  readonly handler: Dispatcher.DispatchHandler;
}

export class ConnectionPool {
  readonly #clock: Clock;
  readonly #origin: string;
  readonly #options: Client.Options;
  readonly #all = new Set<Connection>();
  readonly #idle: Connection[] = [];
  readonly #waiting: Waiting[] = [];
  #cancelLook: (() => void) | null = null;
  /** Monotonic ms. */
  #freedAt = Number.NEGATIVE_INFINITY;
  #paceBegan = Number.NEGATIVE_INFINITY;
  #openedSince = 0;
  #gone: Error | null = null;

  constructor(clock: Clock, origin: string, options: Client.Options) {
    this.#clock = clock;
    this.#origin = origin;
    this.#options = options;
  }

  /** Sends a request, now or as soon as there is a connection for it. Whatever happens the handler is told. */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    if (this.#gone) {
      fail(handler, this.#gone);
      return;
    }
    const idle = this.#idle.pop();
    if (idle) this.#send(idle, options, handler);
    else if (this.#waiting.length === 0 && this.#mayOpen()) this.#send(this.#open(), options, handler);
    else {
      // Nobody overtakes those that wait.
      this.#waiting.push({ options, handler });
      this.#cancelLook ??= this.#clock.after(PACE_MS, () => this.#look());
    }
  }

  /** Ends all requests with this error, and those that come later. */
  async destroy(reason: Error): Promise<void> {
    this.#gone = reason;
    this.#cancelLook?.();
    for (const { handler } of this.#waiting.splice(0)) fail(handler, reason);
    await Promise.all([...this.#all].map(({ client }) => client.destroy(reason)));
  }

  #mayOpen(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#paceBegan >= PACE_MS) {
      this.#paceBegan = now;
      this.#openedSince = 0;
    }
    // None is idle: all that there are may come free.
    const paced = this.#all.size > 0 && now - this.#freedAt < COMES_FREE_MS;
    if (paced && this.#openedSince >= OPENED_EACH_PACE) return false;
    this.#openedSince += 1;
    return true;
  }

  #open(): Connection {
    const client = new Client(this.#origin, this.#options);
    const connection: Connection = { client, busy: false, connected: false };
    client.on('connect', () => {
      connection.connected = true;
    });
    client.on('disconnect', () => this.#lost(connection));
    client.on('connectionError', () => this.#lost(connection));
    client.on('drain', () => this.#drained(connection));
    this.#all.add(connection);
    return connection;
  }

  #send(
    connection: Connection,
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): void {
    connection.busy = true;
    connection.client.dispatch(options, handler);
    // A request that cannot be written as HTTP has failed by now, and nothing more is heard of it.
    this.#drained(connection);
  }

  /** It may have nothing to do any more. */
  #drained(connection: Connection): void {
    if (!connection.busy || connection.client.stats.size > 0) return;
    connection.busy = false;
    if (!connection.connected) {
      this.#forget(connection);
      return;
    }
    this.#freedAt = this.#clock.monotonic();
    const next = this.#waiting.shift();
    if (next) this.#send(connection, next.options, next.handler);
    else this.#idle.push(connection);
  }

  #lost(connection: Connection): void {
    connection.connected = false;
    // One that is busy may still have a request to tell of its end.
    if (connection.busy) return;
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
    this.#forget(connection);
  }

  #forget(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    connection.client.close().catch(() => {});
    this.#look();
  }

  /** Opens connections for those that wait, as far as they may be opened now. */
  #look(): void {
    this.#cancelLook?.();
    this.#cancelLook = null;
    while (this.#waiting.length > 0 && this.#mayOpen()) {
      const { options, handler } = this.#waiting.shift()!;
      this.#send(this.#open(), options, handler);
    }
    if (this.#waiting.length > 0) this.#cancelLook = this.#clock.after(PACE_MS, () => this.#look());
  }
}

function fail(handler: Dispatcher.DispatchHandler, error: Error): void {
  // Whoever asked has not returned yet, and does not expect an answer before.
  queueMicrotask(() => handler.onResponseError?.(null as never, error));
}
