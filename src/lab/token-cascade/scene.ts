import { systemClock } from '../../kernel/index.ts';
import { freePort } from '../free-port.ts';
import type { Lab } from '../lab.ts';
import type { ClientCounts, Scene, SceneOptions } from '../scene.ts';
import { guardTargets, startSceneGuard } from '../scene-guard.ts';
import { startAuthServer } from './auth-process.ts';
import { startResourceServer } from './resource-process.ts';
import { type SignedInFleet, startSignedInFleet } from './signed-in-fleet.ts';

/** Clients a second that refresh ahead of time and alone, as on any working day: a healthy system refreshes too. */
const RENEWALS_PER_SECOND = 2;
/** Clients that connect at the same time. */
const CONNECT_CONCURRENCY = 4;
const CONNECT_TIMEOUT_MS = 120_000;
/** Signed in anew in a second, at least; the tokens that expire together must all be handed out before. */
const SIGN_INS_PER_SECOND = 100;
/** Time is compressed: an hour of a real access token is ten seconds here. */
const ACCESS_TOKEN_SECONDS = 10;
/** What the authorization server allows one address, as a share of the clients behind it. */
const THROTTLE_PER_CLIENT = 1 / 6;
/** What the runbook lets through: less than that, for log-ins need tokens too. */
const PACE_PER_CLIENT = 1 / 10;
const LEAST_PER_SECOND = 4;

/**
 * The token refresh cascade: an authorization server that rotates refresh tokens and turns away who asks too often,
 * an MCP server that takes its tokens, the guard in front of both with its coalescing switched off, and a fleet whose
 * clients send several calls at once. Injecting signs all of them in at the same moment, so that their access tokens
 * expire together: every call of every client then refreshes by itself.
 */
export async function stageTokenRefreshCascade(lab: Lab, options: SceneOptions): Promise<Scene> {
  const { clients, guard } = options;
  const authListen = guard ? `127.0.0.1:${await freePort()}` : null;
  const throttlePerSecond = perSecond(clients, THROTTLE_PER_CLIENT);
  const authServer = await lab.start((context) =>
    startAuthServer({ issuer: authListen ? `http://${authListen}` : '', throttlePerSecond }, context),
  );
  const issuer = authListen ? `http://${authListen}` : authServer.url;
  const server = await lab.start((context) =>
    startResourceServer({ issuer, keysUrl: `${authServer.url}/jwks` }, context),
  );
  const proxy = await startSceneGuard(lab, guard, {
    upstreams: [server.url],
    auth: { upstream: authServer.url, listen: authListen ?? '' },
    env: { TOKEN_REFRESH_COALESCE: 'off' },
  });
  const targets = [
    ...guardTargets(proxy),
    { job: 'mcp-server', url: server.metricsUrl },
    { job: 'auth-server', url: authServer.metricsUrl },
  ];
  const url = proxy ? proxy.url : server.url;
  const fleet = await lab.start((context) =>
    startSignedInFleet({ url, deskUrl: authServer.deskUrl, clients }, context),
  );
  let requestsBefore = { all: 0, ok: 0 };
  return {
    parts: `an MCP server, an authorization server (${throttlePerSecond} token requests/s)`,
    words: {
      having: 'a credential that works',
      attempts: 'rounds of calls',
      losses: 'credentials',
      tooSmall: 'give more --clients',
    },
    access: guard && {
      listen: guard.listen,
      admin: guard.admin,
      token: guard.token,
      targets,
      params: { 'refreshes-per-second': String(perSecond(clients, PACE_PER_CLIENT)) },
    },
    targets,
    notice: noticeOf(guard?.notice ?? null),
    clients: () => countsOf(fleet),
    onClients: (listener) => fleet.onReport(() => listener(countsOf(fleet))),
    connect: async (signal) => {
      fleet.send({ type: 'connect', concurrency: CONNECT_CONCURRENCY });
      await fleet.until((report) => report.connected === report.clients, {
        timeoutMs: CONNECT_TIMEOUT_MS,
        what: 'connected',
        seen: ({ connected, lastError }) =>
          `${connected} of ${clients} clients are connected${lastError === '' ? '' : `; last error: ${lastError}`}`,
        signal,
      });
      fleet.send({ type: 'renew-ahead', perSecond: RENEWALS_PER_SECOND });
    },
    inject: async () => {
      requestsBefore = await authServer.tokenRequests();
      authServer.setLife(ACCESS_TOKEN_SECONDS);
      await expireTogether(fleet, lab.signal);
      return `${clients} access tokens, minted at the same moment, have expired together; new ones live ${ACCESS_TOKEN_SECONDS} s`;
    },
    work: async () => {
      const now = await authServer.tokenRequests();
      return {
        what: 'token requests',
        done: now.all - requestsBefore.all,
        useful: now.ok - requestsBefore.ok,
        became: 'tokens',
      };
    },
  };
}

/** As a deployment does that signs everybody in anew; resolves when their access tokens expire. */
async function expireTogether(fleet: SignedInFleet, signal: AbortSignal): Promise<void> {
  const { clients, signedInAnew: before } = fleet.latest;
  fleet.send({ type: 'renew-ahead', perSecond: 0 });
  const seconds = 2 + Math.ceil(clients / SIGN_INS_PER_SECOND);
  const expiresAt = Math.ceil(systemClock.now() / 1000) + seconds;
  fleet.send({ type: 'sign-in-anew', expiresAt });
  await fleet.until(({ signedInAnew }) => signedInAnew - before === clients, {
    timeoutMs: CONNECT_TIMEOUT_MS,
    what: 'signed in anew',
    signal,
  });
  await systemClock.sleep(Math.max(0, expiresAt * 1000 - systemClock.now()), signal);
}

function countsOf(fleet: SignedInFleet): ClientCounts {
  const { connected, clients, rounds, losses } = fleet.latest;
  return { connected, total: clients, attempts: rounds, lost: losses };
}

function perSecond(clients: number, perClient: number): number {
  return Math.max(LEAST_PER_SECOND, Math.round(clients * perClient));
}

function noticeOf(taken: string | null): string {
  const simulated =
    'simulated: people who log in (8 to 20 s), time (access tokens live 10 s, not an hour), the CPU of a token request (4 ms); ' +
    'the guard is started with TOKEN_REFRESH_COALESCE=off, its default is on';
  return taken === null ? simulated : `${taken}; ${simulated}`;
}
