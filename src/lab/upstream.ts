import type { Clock } from '../kernel/index.ts';
import { Child, mainModule } from './child.ts';
import { upstreamOptionsSchema, upstreamReportSchema } from './messages.ts';

const READY_MS = 20_000;

/** What an upstream costs and where it listens. */
export interface UpstreamOptions {
  /** Port of the MCP endpoint; 0 (default) takes any free one. */
  readonly port?: number;
  /** Port of `/metrics`; 0 (default) takes any free one. */
  readonly metricsPort?: number;
  /** CPU milliseconds that each `initialize` costs; default 10, a capacity near 100 a second. */
  readonly initializeCostMs?: number;
  /** What the tool `search` asks before it answers; default nothing. */
  readonly dependency?: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Called when the process ends without having been told to. */
  readonly onCrash?: (error: Error) => void;
}

/** A running MCP server of the lab. */
export interface Upstream {
  /** `http://127.0.0.1:PORT/mcp` */
  readonly url: string;
  readonly port: number;
  readonly metricsUrl: string;
  readonly pid: number | undefined;
  /** Kills the server as a crash does (`kill -9`) and starts it again on the same ports: every session is lost. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an MCP server in a process of its own. Errors: `E_CHILD_ENDED`, `E_PORT_IN_USE`, `E_TIMEOUT`. */
export async function startUpstream(options: UpstreamOptions): Promise<Upstream> {
  let { child, ports } = await launch(options, options.port ?? 0, options.metricsPort ?? 0);
  const { port, metricsPort } = ports;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    get pid() {
      return child.pid;
    },
    restart: async () => {
      await child.kill();
      ({ child } = await launch(options, port, metricsPort));
    },
    stop: () => child.stop(),
  };
}

async function launch(options: UpstreamOptions, port: number, metricsPort: number) {
  const settings = upstreamOptionsSchema.parse({
    port,
    metricsPort,
    initializeCostMs: options.initializeCostMs,
    dependency: options.dependency,
  });
  const child = new Child({
    name: 'upstream',
    command: [process.execPath, mainModule('upstream-main').pathname, JSON.stringify(settings)],
    clock: options.clock,
  });
  try {
    const ports = await child.waitFor<{ port: number; metricsPort: number }>(
      (from, found) => void from.onMessage((message) => found(upstreamReportSchema.parse(message))),
      { timeoutMs: READY_MS, what: 'ready', signal: options.signal },
    );
    child.onCrash((error) => options.onCrash?.(error));
    return { child, ports };
  } catch (error) {
    await child.stop();
    throw error;
  }
}
