/**
 * A process of the benchmark: many signed-in MCP hosts, each with the official SDK's client, transport and OAuth
 * code, and eight calls at once. The settings are JSON in the first argument. It says `ready` once all are connected and
 * their access tokens have expired; on any message it lets all of them call, and then says what became of it.
 */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { Agent, setGlobalDispatcher } from 'undici';
import { z } from 'zod';
import { systemClock } from '../../src/kernel/index.ts';
import { Credential } from '../../src/lab/token-cascade/credential.ts';
import { Person } from '../../src/lab/token-cascade/person.ts';

process.once('disconnect', () => process.exit(0));

const settings = z
  .object({ url: z.url(), deskUrl: z.url(), clients: z.number(), callsEach: z.number() })
  .parse(JSON.parse(process.argv[2] ?? '{}'));

/** What the clients have seen. */
export interface CascadeResult {
  readonly type: 'done';
  readonly callsDone: number;
  /** Hosts whose tokens are gone, or that ask for an interactive log-in. */
  readonly lost: number;
  readonly seconds: number;
  readonly firstError: string;
}

interface Host {
  readonly client: Client;
  readonly credential: Credential;
}

setGlobalDispatcher(new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 60_000 } }));
const jsonSchemaValidator = new AjvJsonSchemaValidator();
// The SDK says aloud that it is about to log in again; here that is counted.
console.warn = () => {};

async function connect(account: string, expiresAt: number): Promise<Host> {
  const { url, deskUrl } = settings;
  const person = new Person({ account, url, deskUrl, logInMs: [0, 0], fetch, clock: systemClock });
  const credential = new Credential();
  credential.renew(await person.signedIn());
  const client = new Client({ name: 'bench', version: '1.0.0' }, { jsonSchemaValidator });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider: credential }));
  await client.callTool({ name: 'search', arguments: { query: 'anything' } });
  credential.renew(await person.signedIn(expiresAt));
  return { client, credential };
}

async function callAll(hosts: readonly Host[]): Promise<CascadeResult> {
  const start = systemClock.monotonic();
  const call = { name: 'search', arguments: { query: 'anything' } };
  const calls = hosts.flatMap(({ client }) =>
    Array.from({ length: settings.callsEach }, () => client.callTool(call, undefined, { timeout: 300_000 })),
  );
  const ended = await Promise.allSettled(calls);
  const failed = ended.filter((one) => one.status === 'rejected');
  return {
    type: 'done',
    callsDone: ended.length - failed.length,
    lost: hosts.filter(({ credential }) => credential.logInUrl || !credential.tokens()).length,
    seconds: (systemClock.monotonic() - start) / 1000,
    firstError: String(failed[0]?.reason ?? ''),
  };
}

async function main(): Promise<void> {
  const numbers = Array.from({ length: settings.clients }, (_, index) => index);
  const expiresAt = Math.ceil(systemClock.now() / 1000) + 5 + Math.ceil(settings.clients / 20);
  const hosts: Host[] = [];
  const lane = async () => {
    for (let one = numbers.shift(); one !== undefined; one = numbers.shift())
      hosts.push(await connect(`user-${one}`, expiresAt));
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  await systemClock.sleep(Math.max(0, expiresAt * 1000 - systemClock.now()));
  process.send?.({ type: 'ready' });
  process.once('message', () => void callAll(hosts).then((result) => process.send?.(result)));
}

await main();
