import type { Lab } from '../lab.ts';
import type { ClientCounts, Scene, SceneOptions } from '../scene.ts';
import { guardTargets, startSceneGuard } from '../scene-guard.ts';
import { connectAgents, startAgents } from './agents.ts';
import type { AgentsReport } from './messages.ts';
import { startSearchIndex } from './search-index.ts';

/**
 * What the trigger does: queries take so much longer, for so long. Then the index is as fast as before. In that time more
 * than twice as much piles up as the agents have patience for; less than that, and a small fleet gets over it now and then.
 */
const SLOWDOWN = 20;
const SLOW_MS = 8_000;

/**
 * The tool time-out spiral: an MCP server whose tool `search` asks an index, the guard in front of it, agents
 * that retry. Injecting slows the index down for a few seconds, no more. The usual questions take half of what the
 * index can do; questions that are asked again whenever they time out take more than all of it. So the queue of
 * queries whose asker has given up keeps it busy for ever: every answer comes too late and is asked for again.
 */
export async function stageToolTimeoutSpiral(lab: Lab, options: SceneOptions): Promise<Scene> {
  const { clients, guard } = options;
  const index = await startSearchIndex(lab, clients);
  const server = await lab.startUpstream({ initializeCostMs: 0, dependency: index.url });
  const proxy = await startSceneGuard(lab, guard, {
    upstreams: [server.url],
  });
  const targets = [...guardTargets(proxy), { job: 'mcp-server', url: server.metricsUrl }];
  const agents = await startAgents(lab, { agents: clients, url: proxy ? proxy.url : server.url });
  let before = { done: 0, answered: 0 };
  return {
    parts: `an MCP server and a search index (${Math.round(index.perSecond)} queries a second)`,
    words: {
      having: 'answers',
      attempts: 'calls',
      losses: 'questions',
      tooSmall: 'give more --clients',
    },
    access: guard && {
      listen: guard.listen,
      admin: guard.admin,
      token: guard.token,
      targets,
      params: { tool: 'search', concurrency: String(index.bulkhead) },
    },
    targets,
    notice: guard?.notice ?? null,
    clients: () => countsOf(agents.latest),
    onClients: (listener) => agents.onReport((report) => listener(countsOf(report))),
    connect: (signal) => connectAgents(agents, index, signal),
    inject: () => {
      before = { done: index.latest.done, answered: agents.latest.answered };
      const slowMs = index.slow(SLOWDOWN, SLOW_MS);
      return Promise.resolve(
        `for ${SLOW_MS / 1000} s a query of the search index takes ${seconds(slowMs)} instead of ${seconds(index.serviceMs)}`,
      );
    },
    work: () =>
      Promise.resolve({
        what: 'queries',
        done: index.latest.done - before.done,
        useful: agents.latest.answered - before.answered,
        became: 'an answer in time',
      }),
  };
}

function countsOf({ working, agents, calls, givenUp }: AgentsReport): ClientCounts {
  return { connected: working, total: agents, attempts: calls, lost: givenUp };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 10) / 100} s`;
}
