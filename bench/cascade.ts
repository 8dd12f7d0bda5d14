/**
 * How many token requests does one expired credential cost the authorization server, and how many
 * credentials are lost? Every client sends eight calls at once with an access token that has expired: once with the
 * guard in front of the authorization server, and beside it in the same run without. `node bench/cascade.ts` runs it
 * alone (about three minutes).
 *
 * Real: oidc-provider with rotation, in a process of its own; an MCP server on the official SDK; the clients'
 * transport and OAuth code, of the official SDK too. Simulated: the log-in before (tokens are minted without a
 * browser), and the database of the authorization server (4 ms of CPU for each token request).
 */
import { fork } from 'node:child_process';
import { loadavg } from 'node:os';
import { argv, execPath, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/kernel/index.ts';
import { freePort, Lab } from '../src/lab/index.ts';
import { startAuthServer } from '../src/lab/token-cascade/auth-process.ts';
import { startResourceServer } from '../src/lab/token-cascade/resource-process.ts';
import type { CascadeResult } from './cascade/clients-main.ts';
import type { BenchResult } from './run.ts';

const CLIENTS = 500;
const CALLS_EACH = 8;
const GRACE_SECONDS = 10;
/** The authorization server has no rate limit here: what reaches it is counted, not refused. */
const NO_THROTTLE = 10_000;

interface Measured extends Omit<CascadeResult, 'type'> {
  readonly tokenRequests: number;
}

/** The ratio is token requests at the authorization server over expired credentials, with the guard. */
export async function cascade(): Promise<BenchResult> {
  const guarded = await measure({ TOKEN_REFRESH_GRACE_SECONDS: String(GRACE_SECONDS) });
  const withoutGrace = await measure({});
  const bare = await measure(null);
  const ratio = guarded.tokenRequests / CLIENTS;
  return {
    question: `How many token requests does an expired credential cost, with ${CLIENTS} clients and ${CALLS_EACH} calls each at once?`,
    measured: {
      clients: CLIENTS,
      callsEach: CALLS_EACH,
      graceSeconds: GRACE_SECONDS,
      ...prefixed('guarded', guarded),
      ...prefixed('withoutGrace', withoutGrace),
      ...prefixed('unguarded', bare),
      loadAverage: round(loadavg()[0] ?? 0),
    },
    ratio: round(ratio),
    target: '1.0 token request per expired credential, and no credential lost',
    met:
      guarded.tokenRequests === CLIENTS && guarded.lost === 0 && guarded.callsDone === CLIENTS * CALLS_EACH,
  };
}

/** @param levers of the guard; null measures without a guard */
async function measure(levers: Readonly<Record<string, string>> | null): Promise<Measured> {
  await using lab = new Lab({ clock: systemClock });
  const listen = `127.0.0.1:${await freePort()}`;
  const server = await lab.start((context) =>
    startAuthServer({ issuer: levers ? `http://${listen}` : '', throttlePerSecond: NO_THROTTLE }, context),
  );
  const issuer = levers ? `http://${listen}` : server.url;
  const resource = await lab.start((context) =>
    startResourceServer({ issuer, keysUrl: `${server.url}/jwks` }, context),
  );
  const url = levers
    ? await lab.startGuardProcess({
        command: [execPath, fileURLToPath(new URL('../src/cli/main.ts', import.meta.url)), 'guard'],
        upstreams: [resource.url],
        listen: '127.0.0.1:0',
        admin: '127.0.0.1:0',
        token: 'bench',
        auth: { upstream: server.url, listen },
        env: levers,
      })
    : resource;
  const settings = { url: url.url, deskUrl: server.deskUrl, clients: CLIENTS, callsEach: CALLS_EACH };
  const clients = fork(fileURLToPath(new URL('cascade/clients-main.ts', import.meta.url)), [
    JSON.stringify(settings),
  ]);
  try {
    await messageOf(clients);
    const before = await server.tokenRequests();
    clients.send('go');
    const { type: _, ...result } = (await messageOf(clients)) as CascadeResult;
    return { ...result, tokenRequests: (await server.tokenRequests()).all - before.all };
  } finally {
    clients.disconnect();
  }
}

function messageOf(child: ReturnType<typeof fork>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the clients ended with ${code}`)));
  });
}

function prefixed(name: string, one: Measured): Record<string, unknown> {
  return {
    [`${name}TokenRequestsPerCredential`]: round(one.tokenRequests / CLIENTS),
    [`${name}CredentialsLost`]: one.lost,
    [`${name}CallsDone`]: one.callsDone,
    [`${name}Seconds`]: round(one.seconds),
    ...(one.firstError !== '' && { [`${name}FirstError`]: one.firstError }),
  };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  stderr.write('cascade: about three minutes\n');
  const result = await cascade();
  stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (!result.met) process.exitCode = 1;
}
