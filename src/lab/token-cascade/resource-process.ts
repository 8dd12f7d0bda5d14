import type { PartContext } from '../lab.ts';
import { ReportingChild } from '../reporting-child.ts';
import { type ResourceServerSettings, resourceServerReportSchema } from './messages.ts';

/** A running MCP server that wants tokens. */
export interface ResourceServer {
  /** `http://127.0.0.1:PORT/mcp` */
  readonly url: string;
  readonly metricsUrl: string;
  stop(): Promise<void>;
}

/** Starts the MCP server in a process of its own. Errors: `E_CHILD_ENDED`, `E_TIMEOUT`. */
export async function startResourceServer(
  settings: ResourceServerSettings,
  context: PartContext,
): Promise<ResourceServer> {
  const child = await ReportingChild.start(
    {
      name: 'MCP server',
      main: 'token-cascade/resource-server-main',
      settings,
      report: resourceServerReportSchema,
    },
    context,
  );
  const { port, metricsPort } = child.latest;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    stop: () => child.stop(),
  };
}
