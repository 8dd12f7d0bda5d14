import type { Lab } from './lab.ts';
import type { ClientCounts, Scene, SceneOptions } from './scene.ts';
import { guardTargets, startSceneGuard } from './scene-guard.ts';

/** Clients a second that leave and come back, as on any working day: a healthy system shows handshakes too. */
const CHURN_PER_SECOND = 2;
/** Handshakes at a time while the fleet connects: the server is busy, never behind. */
const CONNECT_CONCURRENCY = 4;
const CONNECT_TIMEOUT_MS = 120_000;

export interface SessionStormOptions extends SceneOptions {
  /** CPU milliseconds that one initialize costs a server. */
  readonly initializeCostMs: number;
}

/**
 * The session storm: two MCP servers that pay CPU for every initialize, the guard in front of the first,
 * a fleet of careless clients. Injecting kills the first server and starts it again, so that every session
 * is lost. The second one idles until a runbook scales out to it.
 */
export async function stageSessionStorm(lab: Lab, options: SessionStormOptions): Promise<Scene> {
  const { clients, initializeCostMs, guard } = options;
  const first = await lab.startUpstream({ initializeCostMs });
  const second = await lab.startUpstream({ initializeCostMs });
  const servers = [first.url, second.url];
  const proxy = await startSceneGuard(lab, guard, {
    upstreams: [first.url],
  });
  const targets = [
    ...guardTargets(proxy),
    { job: 'mcp-server', url: first.metricsUrl },
    { job: 'mcp-server', url: second.metricsUrl },
  ];
  const fleet = await lab.startFleet({ clients, url: proxy ? proxy.url : first.url });
  const counts = (): ClientCounts => {
    const { connected, clients: total, attempts, losses: lost } = fleet.latest;
    return { connected, total, attempts, lost };
  };
  let handshakesBefore = 0;
  return {
    parts: '2 MCP servers',
    words: {
      having: 'a session',
      attempts: 'handshakes',
      losses: 'sessions',
      tooSmall: 'give more --clients, or a higher --initialize-cost',
    },
    access: guard && {
      listen: guard.listen,
      admin: guard.admin,
      token: guard.token,
      targets,
      params: { upstreams: servers.join(',') },
    },
    targets,
    notice: guard?.notice ?? null,
    clients: counts,
    onClients: (listener) => fleet.onReport(() => listener(counts())),
    connect: async (signal) => {
      await fleet.connect({ concurrency: CONNECT_CONCURRENCY, timeoutMs: CONNECT_TIMEOUT_MS, signal });
      fleet.churn(CHURN_PER_SECOND);
    },
    inject: async () => {
      const { connected } = fleet.latest;
      handshakesBefore = fleet.latest.handshakes;
      await first.restart();
      return `the MCP server was killed and started again: ${connected} sessions are gone`;
    },
    work: async () => ({
      what: 'initialize requests',
      // The server was started anew by the injection, and its counter with it.
      done: await readCounter(first.metricsUrl, 'lab_initialize_done_total'),
      useful: fleet.latest.handshakes - handshakesBefore,
      became: 'a session',
    }),
  };
}

async function readCounter(url: string, name: string): Promise<number> {
  const text = await (await fetch(url)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.split(' ')[1] ?? Number.NaN);
}
