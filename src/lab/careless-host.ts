import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import type { Clock } from '../kernel/index.ts';
import { failureKind } from './failure-kind.ts';
import type { FleetTally, HostState } from './fleet-tally.ts';
import { hostFetch } from './host-fetch.ts';
import type { FleetSettings } from './messages.ts';

/** One schema compiler for the whole fleet: real hosts have one each, but only CPU of the fleet's machine tells. */
const jsonSchemaValidator = new AjvJsonSchemaValidator();

const nothing = () => {};

/** Why a session ended: it broke, or the host left it on purpose. */
type Ending = 'lost' | 'leave';

/** One working session of a host. */
interface HostSession {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
  readonly ended: Promise<Ending>;
}

/**
 * An MCP host as careless as many real ones: the official SDK client with its own connections; when
 * its session breaks it initializes anew at once, and when that fails again after a fixed short
 * pause, without back-off, for ever.
 */
export class CarelessHost {
  readonly #settings: FleetSettings;
  readonly #tally: FleetTally;
  readonly #clock: Clock;
  readonly #fetch: FetchLike;
  #state: HostState = 'idle';
  #end: ((ending: Ending) => void) | undefined;
  #firstConnected: (() => void) | undefined;

  constructor(settings: FleetSettings, tally: FleetTally, clock: Clock) {
    this.#settings = settings;
    this.#tally = tally;
    this.#clock = clock;
    this.#fetch = hostFetch(settings.timeoutMs);
  }

  get state(): HostState {
    return this.#state;
  }

  /** Starts the host; resolves when it has its first working session. Later losses are its own affair. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#firstConnected = resolve;
      void this.#run();
    });
  }

  /** Ends the session as a well-behaved host does (DELETE), after which the host comes back. */
  leave(): void {
    this.#end?.('leave');
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#move('connecting');
      const session = await this.#handshake();
      if (!session) {
        this.#move('lost');
        await this.#clock.sleep(this.#settings.retryMs);
        continue;
      }
      this.#move('connected');
      this.#firstConnected?.();
      const cancelCalls = this.#callNowAndThen(session);
      const ending = await session.ended;
      cancelCalls();
      if (ending === 'lost') this.#move('lost');
      if (ending === 'leave') await session.transport.terminateSession().catch(() => {});
      await session.client.close().catch(() => {});
    }
  }

  /** initialize, initialized (upon which the SDK opens the GET stream) and tools/list. */
  async #handshake(): Promise<HostSession | undefined> {
    const timeout = this.#settings.timeoutMs;
    const client = new Client({ name: 'careless-host', version: '1.0.0' }, { jsonSchemaValidator });
    const transport = new StreamableHTTPClientTransport(new URL(this.#settings.url), {
      fetch: this.#fetch,
    });
    // Of this session only: an old client reports its own closing when a new session lives already.
    const { promise: ended, resolve: end } = Promise.withResolvers<Ending>();
    this.#end = end;
    // The SDK reports a broken stream, a 404 and a refused connection here.
    // oxlint-disable-next-line prefer-add-event-listener -- the SDK's client is no EventTarget
    client.onerror = () => end('lost');
    try {
      await client.connect(transport, { timeout });
      await client.listTools(undefined, { timeout });
      return { client, transport, ended };
    } catch (error) {
      this.#end = undefined;
      this.#tally.failed(failureKind(error), String(error));
      await client.close().catch(() => {});
      return undefined;
    }
  }

  /** Calls a tool at the host's own rhythm, so that a host whose stream never broke notices a lost session. */
  #callNowAndThen({ client }: HostSession): () => void {
    const every = this.#settings.callEveryMs;
    if (every === 0) return nothing;
    let cancel = nothing;
    const call = async () => {
      try {
        await client.callTool({ name: 'search', arguments: { query: 'anything' } }, undefined, {
          timeout: this.#settings.timeoutMs,
        });
        this.#tally.called(true);
      } catch {
        this.#tally.called(false);
      }
      cancel = this.#clock.after(every, () => void call());
    };
    cancel = this.#clock.after(every * Math.random(), () => void call());
    return () => cancel();
  }

  #move(to: HostState): void {
    this.#tally.moved(this.#state, to);
    this.#state = to;
  }
}
