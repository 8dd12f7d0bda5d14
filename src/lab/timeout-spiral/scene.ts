import type { Lab } from '../lab.ts';
import { ReportingChild } from '../reporting-child.ts';
import type { ClientCounts, Scene, SceneOptions } from '../scene.ts';
import {
  type AgentsCommand,
  type AgentsReport,
  type AgentsSettings,
  agentsOptionsSchema,
  agentsReportSchema,
  type DependencyCommand,
  type DependencyReport,
  dependencyOptionsSchema,
  dependencyReportSchema,
} from './messages.ts';

const CONNECT_CONCURRENCY = 4;
const CONNECT_TIMEOUT_MS = 120_000;
/** What the trigger does: queries take so much longer, for so long. Then the index is as fast as before. */
const SLOWDOWN = 20;
const SLOW_MS = 5_000;

/** The search index: its queries take 100 ms, more or less, and it does 0.2 a second for each agent. */
const QUERIES_PER_SECOND_PER_AGENT = 0.2;
const SERVICE_MS = 100;

export type Agents = ReportingChild<AgentsReport, AgentsCommand>;
export type Dependency = ReportingChild<DependencyReport, DependencyCommand>;

/**
 * The tool time-out spiral: an MCP server whose tool `search` asks an index, the guard in front of it, agents
 * that retry. Injecting slows the index down for a few seconds, no more. The usual questions take half of what the index
 * can do; questions that are asked again whenever they time out take more than all of it. So the queue of queries whose asker
 * has given up keeps it busy for ever: every answer comes too late and is asked for again.
 */
export async function stageToolTimeoutSpiral(lab: Lab, options: SceneOptions): Promise<Scene> {
  const { clients, guard } = options;
  const { index, settings } = await startIndex(lab, clients);
  const server = await lab.startUpstream({ initializeCostMs: 0, dependency: indexUrl(index) });
  const proxy =
    guard &&
    (await lab.startGuardProcess({
      command: guard.command,
      upstreams: [server.url],
      listen: guard.listen,
      admin: guard.admin,
      token: guard.token,
    }));
  const targets = [
    ...(proxy ? [{ job: 'mcp-guard', url: `${proxy.adminUrl}/metrics` }] : []),
    { job: 'mcp-server', url: server.metricsUrl },
  ];
  const agents = await startAgents(lab, { agents: clients, url: proxy ? proxy.url : server.url });
  const slowMs = settings.serviceMs * SLOWDOWN;
  let before = { done: 0, answered: 0 };
  return {
    parts: `an MCP server and its search index (${Math.round(capacityOf(settings))} queries a second)`,
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
      params: { tool: 'search' },
    },
    targets,
    notice: guard?.notice ?? null,
    clients: () => countsOf(agents.latest),
    onClients: (listener) => agents.onReport((report) => listener(countsOf(report))),
    connect: (signal) => connectAgents(agents, signal),
    inject: () => {
      before = { done: index.latest.done, answered: agents.latest.answered };
      index.send({ type: 'slow', serviceMs: slowMs, forMs: SLOW_MS });
      return Promise.resolve(
        `for ${SLOW_MS / 1000} s each query of the search index takes ${slowMs / 1000} s instead of ${settings.serviceMs / 1000} s`,
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

/** An index that the usual questions of so many agents take half of. */
export async function startIndex(lab: Lab, agents: number) {
  const perSecond = agents * QUERIES_PER_SECOND_PER_AGENT;
  const workers = Math.max(1, Math.round((perSecond * SERVICE_MS) / 1000));
  const settings = dependencyOptionsSchema.parse({ workers, serviceMs: (workers / perSecond) * 1000 });
  const index: Dependency = await lab.start((context) =>
    ReportingChild.start(
      {
        name: 'search index',
        main: 'timeout-spiral/dependency-main',
        settings,
        report: dependencyReportSchema,
      },
      context,
    ),
  );
  return { index, settings };
}

function capacityOf({ workers, serviceMs }: { workers: number; serviceMs: number }): number {
  return (workers * 1000) / serviceMs;
}

export function indexUrl(index: Dependency): string {
  return `http://127.0.0.1:${index.latest.port}/query`;
}

export function startAgents(
  lab: Lab,
  options: Partial<AgentsSettings> & Pick<AgentsSettings, 'agents' | 'url'>,
): Promise<Agents> {
  const settings = agentsOptionsSchema.parse(options);
  return lab.start((context) =>
    ReportingChild.start(
      { name: 'agents', main: 'timeout-spiral/agents-main', settings, report: agentsReportSchema },
      context,
    ),
  );
}

/** Connects every agent, calmly; each has been answered once when this resolves. */
export async function connectAgents(agents: Agents, signal: AbortSignal): Promise<void> {
  agents.send({ type: 'connect', concurrency: CONNECT_CONCURRENCY });
  await agents.until((report) => report.working === report.agents, {
    timeoutMs: CONNECT_TIMEOUT_MS,
    what: 'connected',
    seen: ({ working, agents: total, lastError }) =>
      `${working} of ${total} agents${lastError === '' ? '' : `; last error: ${lastError}`}`,
    signal,
  });
}

function countsOf({ working, agents, calls, givenUp }: AgentsReport): ClientCounts {
  return { connected: working, total: agents, attempts: calls, lost: givenUp };
}
