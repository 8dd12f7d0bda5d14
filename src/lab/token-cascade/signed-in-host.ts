import { auth } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import type { z } from 'zod';
import type { Clock } from '../../kernel/index.ts';
import { hostFetch } from '../host-fetch.ts';
import { Credential } from './credential.ts';
import type { signedInFleetOptionsSchema } from './messages.ts';
import { Person } from './person.ts';
import type { SignedInState, SignedInTally } from './signed-in-tally.ts';

/** One schema compiler for the whole fleet, see `careless-host`. */
const jsonSchemaValidator = new AjvJsonSchemaValidator();
/** Pause before a host connects again after that failed, in milliseconds. */
const RETRY_MS = 1000;

type Settings = z.infer<typeof signedInFleetOptionsSchema>;

/** How a time with a credential ended: it is lost, or the connection broke. */
type Ending = 'signed-out' | 'broken';

/**
 * An MCP host with an agent that calls several tools at once, now and then, each call with the official SDK's
 * own OAuth code: a call whose access token has expired refreshes it by itself, whatever the other calls do.
 * When that code asks for an interactive log-in, the host stops and waits until its person has logged in.
 */
export class SignedInHost {
  readonly #settings: Settings;
  readonly #tally: SignedInTally;
  readonly #clock: Clock;
  readonly #fetch: FetchLike;
  readonly #person: Person;
  readonly #credential = new Credential();
  #state: SignedInState = 'idle';
  #firstConnected: (() => void) | undefined;

  constructor(account: string, settings: Settings, tally: SignedInTally, clock: Clock) {
    const { url, deskUrl, logInMs, timeoutMs } = settings;
    this.#settings = settings;
    this.#tally = tally;
    this.#clock = clock;
    this.#fetch = hostFetch(timeoutMs);
    this.#person = new Person({ account, url, deskUrl, logInMs, fetch: this.#fetch, clock });
  }

  get state(): SignedInState {
    return this.#state;
  }

  /** Starts the host with the credential of an earlier log-in; resolves after its first good round of calls. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#firstConnected = resolve;
      void this.#run();
    });
  }

  /** Refreshes ahead of time, with nothing else going on: what every refresh should be. */
  async renewAhead(): Promise<void> {
    await auth(this.#credential, { serverUrl: this.#settings.url, fetchFn: this.#fetch }).catch(
      (error: unknown) => this.#tally.failed(String(error)),
    );
  }

  /** The person is signed in anew, with an access token that ends at `expiresAt` (epoch seconds). */
  async signInAnew(expiresAt: number): Promise<void> {
    this.#credential.renew(await this.#person.signedIn(expiresAt));
    this.#tally.count('signedInAnew');
  }

  async #run(): Promise<void> {
    this.#credential.renew(await this.#person.signedIn());
    for (;;) {
      this.#move('connecting');
      const ending = await this.#work();
      if (ending === 'signed-out') await this.#logIn();
      else await this.#clock.sleep(RETRY_MS);
    }
  }

  /** Until somebody has logged in; a refused log-in is begun again. */
  async #logIn(): Promise<void> {
    this.#move('signedOut');
    for (;;) {
      try {
        await this.#person.logIn(this.#credential);
        this.#tally.count('logIns');
        return;
      } catch (error) {
        this.#tally.count('logInsRefused');
        this.#tally.failed(String(error));
      }
    }
  }

  /** Connects, and calls tools until the credential is lost or the connection breaks. */
  async #work(): Promise<Ending> {
    const { url, timeoutMs: timeout } = this.#settings;
    const client = new Client({ name: 'signed-in-host', version: '1.0.0' }, { jsonSchemaValidator });
    const transport = new StreamableHTTPClientTransport(new URL(url), {
      fetch: this.#fetch,
      authProvider: this.#credential,
    });
    try {
      await client.connect(transport, { timeout });
      for (;;) {
        const answered = await this.#round(client);
        if (this.#credential.logInUrl) return 'signed-out';
        const done = answered === this.#settings.callsPerRound;
        this.#move(done ? 'connected' : 'failing');
        if (done) this.#firstConnected?.();
        // The SDK's transport never recovers from a 401 right after a refresh; a host then connects anew.
        if (answered === 0) return 'broken';
        await this.#clock.sleep(this.#pause());
      }
    } catch (error) {
      this.#tally.failed(String(error));
      return this.#credential.logInUrl ? 'signed-out' : 'broken';
    } finally {
      await client.close().catch(() => {});
    }
  }

  /** Several calls at the same moment; how many were answered. */
  async #round(client: Client): Promise<number> {
    const { callsPerRound, timeoutMs: timeout } = this.#settings;
    this.#tally.count('rounds');
    const call = { name: 'search', arguments: { query: 'anything' } };
    const calls = await Promise.allSettled(
      Array.from({ length: callsPerRound }, () => client.callTool(call, undefined, { timeout })),
    );
    const failed = calls.filter((one) => one.status === 'rejected');
    this.#tally.count('calls', calls.length);
    this.#tally.count('callErrors', failed.length);
    if (failed[0]) this.#tally.failed(String(failed[0].reason));
    else this.#tally.count('roundsDone');
    return calls.length - failed.length;
  }

  #pause(): number {
    return this.#settings.roundEveryMs * (0.5 + Math.random());
  }

  #move(to: SignedInState): void {
    this.#tally.moved(this.#state, to);
    this.#state = to;
  }
}
