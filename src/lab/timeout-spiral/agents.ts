import type { Lab } from '../lab.ts';
import { ReportingChild } from '../reporting-child.ts';
import {
  type AgentsCommand,
  type AgentsReport,
  type AgentsSettings,
  agentsOptionsSchema,
  agentsReportSchema,
} from './messages.ts';
import type { SearchIndex } from './search-index.ts';

const CONNECT_TIMEOUT_MS = 120_000;

export type Agents = ReportingChild<AgentsReport, AgentsCommand>;

/** Starts agents in a process of their own; none connects before `connectAgents`. Errors: those of `Lab.start`. */
export function startAgents(
  lab: Lab,
  options: Partial<AgentsSettings> & Pick<AgentsSettings, 'agents' | 'url'>,
): Promise<Agents> {
  const program = {
    name: 'agents',
    main: 'timeout-spiral/agents-main',
    settings: agentsOptionsSchema.parse(options),
    report: agentsReportSchema,
  };
  return lab.start((context) => ReportingChild.start<AgentsReport, AgentsCommand>(program, context));
}

/**
 * Connects every agent, calmly; each has been answered once when this resolves.
 * Errors: `E_TIMEOUT`, `E_CHILD_ENDED`, or the signal's reason.
 * @param index what their questions go to; connecting takes at most half of it
 */
export async function connectAgents(
  agents: Agents,
  index: Pick<SearchIndex, 'workers'>,
  signal: AbortSignal,
): Promise<void> {
  agents.send({ type: 'connect', concurrency: Math.max(1, Math.floor(index.workers / 2)) });
  await agents.until((report) => report.working === report.agents, {
    timeoutMs: CONNECT_TIMEOUT_MS,
    what: 'connected',
    seen: ({ working, agents: total, lastError }) =>
      `${working} of ${total} agents${lastError === '' ? '' : `; last error: ${lastError}`}`,
    signal,
  });
}
