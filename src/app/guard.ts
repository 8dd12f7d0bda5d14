/** The guard as a program: options from flags and the environment, notices on stderr, a bounded stop. */

import { join, resolve } from 'node:path';
import {
  type Guard,
  type Log,
  type LogEntry,
  leversFromEnv,
  type RequestLogging,
  startGuard,
} from '../guard/index.ts';
import { AllclearError, printable, systemClock } from '../kernel/index.ts';
import { readCertificate, readPem } from './guard-files.ts';
import { locateHome } from './home.ts';

export interface GuardProgram {
  /** From `--upstream`; when empty, the environment's UPSTREAMS. */
  readonly upstreams: readonly string[];
  /** `host:port`. */
  readonly listen: string;
  /** `host:port`. */
  readonly admin: string;
  /** `--state FILE`; false for `--no-state`; undefined: a file below ALLCLEAR_HOME, by the admin port. */
  readonly state?: string | false;
  readonly cwd: string;
  /** From `--auth-upstream`; when undefined, the environment's AUTH_UPSTREAM; without either none is fronted. */
  readonly authUpstream: string | undefined;
  /** `host:port`. */
  readonly authListen: string;
  /** Whether public results are cached and shared. */
  readonly cache: boolean;
  /** PEM files: the listeners' certificate (with its chain) and key, and further authorities for upstreams. */
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly upstreamCa?: string | undefined;
  /** Seconds that a stop waits for answers in progress. */
  readonly drainSeconds?: number | undefined;
  /** The levers' values at start, and ALLCLEAR_GUARD_TOKEN. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Notices as JSON lines rather than as text. */
  readonly jsonLogs: boolean;
  /** Which requests are logged. */
  readonly logRequests?: RequestLogging | undefined;
  /** Gets notices, a line at a time. */
  readonly err: (text: string) => void;
}

/**
 * Starts the guard that the command line asks for.
 * @throws AllclearError `E_USAGE` (no upstream), and as `startGuard`
 */
export async function startGuardProgram(program: GuardProgram): Promise<Guard> {
  const { env, err, jsonLogs } = program;
  const upstreams = program.upstreams.length > 0 ? program.upstreams : words(env['UPSTREAMS']);
  if (upstreams.length === 0) {
    throw new AllclearError('E_USAGE', {
      what: 'the guard has nothing to guard',
      next: 'Name the MCP server: allclear guard --upstream http://127.0.0.1:3001',
    });
  }
  const log = makeLog(jsonLogs, err);
  const token = env['ALLCLEAR_GUARD_TOKEN'] ?? '';
  const levers = leversFromEnv(env);
  const authUpstream = program.authUpstream ?? (env['AUTH_UPSTREAM']?.trim() || undefined);
  const guard = await startGuard({
    upstreams,
    authUpstream,
    authListen: program.authListen,
    listen: program.listen,
    admin: program.admin,
    cache: program.cache,
    token,
    levers,
    state: stateFile(program),
    tls: await readCertificate(program),
    upstreamCa: await readPem(program.upstreamCa, program.cwd),
    drainSeconds: program.drainSeconds,
    logRequests: program.logRequests,
    log,
  });
  if (token === '') {
    log({
      event: 'levers-read-only',
      why: 'ALLCLEAR_GUARD_TOKEN is not set: levers can be read, and not set',
    });
  }
  return guard;
}

/** Resolves when the signal aborts or the parent process goes away (its IPC channel closes). */
export function untilToldToStop(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      signal.removeEventListener('abort', stop);
      // A listener on the channel would keep the process alive.
      process.off('disconnect', stop);
      resolve();
    };
    if (signal.aborted) {
      resolve();
      return;
    }
    signal.addEventListener('abort', stop);
    if (process.connected) process.on('disconnect', stop);
  });
}

/** Two guards on one machine have two admin ports; one on port 0 is for trying things out. */
function stateFile({ state, admin, env, cwd }: GuardProgram): string | null {
  if (state !== undefined) return state === false ? null : resolve(cwd, state);
  const port = Number(/\d+$/.exec(admin.trim())?.[0] ?? 0);
  return port === 0 ? null : join(locateHome(env, cwd).folder, 'guard', `levers-${port}.json`);
}

function makeLog(json: boolean, err: (text: string) => void): Log {
  return (entry) => err(json ? `${JSON.stringify(stamped(entry))}\n` : `${inWords(entry)}\n`);
}

function stamped({ at, ...entry }: LogEntry): object {
  return { at: new Date(typeof at === 'number' ? at : systemClock.now()).toISOString(), ...entry };
}

function inWords({ event, ...rest }: LogEntry): string {
  const parts = Object.entries(rest).filter(
    ([key, value]) => key !== 'at' && value !== null && value !== undefined,
  );
  return printable(
    `guard: ${event} ${parts.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(' ')}`,
  );
}

function words(text: string | undefined): readonly string[] {
  return (text ?? '').split(/[\s,]+/).filter((word) => word !== '');
}
