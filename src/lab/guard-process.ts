import { z } from 'zod';
import type { Clock } from '../kernel/index.ts';
import { Child } from './child.ts';

const READY_MS = 20_000;

/** How the guard is started. */
export interface GuardProcessOptions {
  /**
   * Program and arguments in front of the ones added here, for example
   * `[process.execPath, 'src/cli/main.ts', 'guard']`. It must end when its IPC channel closes.
   */
  readonly command: readonly [string, ...string[]];
  /** MCP endpoints behind the guard. */
  readonly upstreams: readonly string[];
  /** `host:port` for MCP traffic; port 0 takes any free one. */
  readonly listen: string;
  /** `host:port` for metrics and levers; port 0 takes any free one. */
  readonly admin: string;
  /** The authorization server behind the guard, and the `host:port` at which clients find it. */
  readonly auth?: { readonly upstream: string; readonly listen: string };
  /** The token that lever changes need. */
  readonly token: string;
  /** More environment, for example the levers' values at start. */
  readonly env?: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Called when the process ends without having been told to. */
  readonly onCrash?: (error: Error) => void;
}

/** A running guard. */
export interface GuardProcess {
  /** The MCP endpoint for clients: `http://HOST:PORT/mcp`. */
  readonly url: string;
  /** Metrics and levers: `http://HOST:PORT`. */
  readonly adminUrl: string;
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** What the guard prints once it listens. */
const readyLine = z.object({ event: z.literal('ready'), listen: z.url(), admin: z.url() });

/** Starts the guard and waits for its ready line. Errors: `E_CHILD_ENDED`, `E_PORT_IN_USE`, `E_TIMEOUT`. */
export async function startGuardProcess(options: GuardProcessOptions): Promise<GuardProcess> {
  const child = new Child({
    name: 'guard',
    command: [...options.command, ...guardArguments(options)],
    env: { ...process.env, ...options.env, ALLCLEAR_GUARD_TOKEN: options.token },
    clock: options.clock,
  });
  try {
    const ready = await child.waitFor(whenReady, {
      timeoutMs: READY_MS,
      what: 'ready',
      signal: options.signal,
    });
    child.onCrash((error) => options.onCrash?.(error));
    return {
      url: `${ready.listen}/mcp`,
      adminUrl: ready.admin,
      get pid() {
        return child.pid;
      },
      stop: () => child.stop(),
    };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

function whenReady(child: Child, found: (ready: z.infer<typeof readyLine>) => void): void {
  child.onLine((line) => {
    const parsed = readyLine.safeParse(parseJson(line));
    if (parsed.success) found(parsed.data);
  });
}

/** A lab neither takes up what another guard left on these ports, nor leaves anything itself. */
function guardArguments({ upstreams, listen, admin, auth }: GuardProcessOptions): string[] {
  return [
    ...upstreams.flatMap((url) => ['--upstream', url]),
    '--listen',
    listen,
    '--admin',
    admin,
    ...(auth ? ['--auth-upstream', auth.upstream, '--auth-listen', auth.listen] : []),
    '--no-state',
  ];
}

/** Undefined when the line is no JSON: programs may print other things before they are ready. */
function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
