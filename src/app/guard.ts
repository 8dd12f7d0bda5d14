/** The guard as a program: options from flags, the environment and a file, notices on stderr. */

import { join, resolve } from 'node:path';
import { type Guard, type RequestLogging, startGuard } from '../guard/index.ts';
import { systemClock } from '../kernel/index.ts';
import { readPem } from './guard-files.ts';
import { tuneRuntime } from './guard-runtime.ts';
import { readSettings, type SettingsSources, settingsFiles } from './guard-settings.ts';
import { locateHome } from './home.ts';
import { leverCommands } from './lever-commands.ts';
import { makeLog } from './make-log.ts';
import { watchFile } from './watch-file.ts';

export interface GuardProgram extends SettingsSources {
  /** `host:port`. */
  readonly listen: string;
  /** `host:port`. */
  readonly admin: string;
  /** `--state FILE`; false for `--no-state`; undefined: a file below ALLCLEAR_HOME, by the admin port. */
  readonly state?: string | false;
  /** From `--auth-upstream`; when undefined, the environment's AUTH_UPSTREAM; without either none is fronted. */
  readonly authUpstream: string | undefined;
  /** `host:port`. */
  readonly authListen: string;
  /** Whether public results are cached and shared. */
  readonly cache: boolean;
  /** PEM file: further authorities for upstreams. */
  readonly upstreamCa?: string | undefined;
  /** Seconds that a stop waits for answers in progress. */
  readonly drainSeconds?: number | undefined;
  /** Notices as JSON lines rather than as text. */
  readonly jsonLogs: boolean;
  /** Which requests are logged. */
  readonly logRequests?: RequestLogging | undefined;
  /** Gets notices, a line at a time. */
  readonly err: (text: string) => void;
}

/**
 * Starts the guard that the command line asks for. Its configuration file and certificate are watched.
 * Errors: as `readSettings` and `startGuard`.
 */
export async function startGuardProgram(program: GuardProgram): Promise<Guard> {
  tuneRuntime();
  const { env, cwd, err, jsonLogs } = program;
  const files = settingsFiles(program);
  const log = makeLog('guard', jsonLogs, err);
  const token = env['ALLCLEAR_GUARD_TOKEN'] ?? '';
  const authUpstream = program.authUpstream ?? (env['AUTH_UPSTREAM']?.trim() || undefined);
  const guard = await startGuard({
    ...(await readSettings(program)),
    reread: files.length === 0 ? undefined : () => readSettings(program),
    run: leverCommands(env, cwd),
    authUpstream,
    authListen: program.authListen,
    listen: program.listen,
    admin: program.admin,
    cache: program.cache,
    token,
    state: stateFile(program),
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
  // Refusals are in the log; nobody else is there to be told.
  const changed = () => void guard.reload('a change of the file').catch(() => {});
  const watches = files.map((file) => watchFile(file, systemClock, changed));
  return {
    ...guard,
    stop: () => {
      for (const unwatch of watches) unwatch();
      return guard.stop();
    },
  };
}

/** Two guards on one machine have two admin ports; one on port 0 is for trying things out. */
function stateFile({ state, admin, env, cwd }: GuardProgram): string | null {
  if (state !== undefined) return state === false ? null : resolve(cwd, state);
  const port = Number(/\d+$/.exec(admin.trim())?.[0] ?? 0);
  return port === 0 ? null : join(locateHome(env, cwd).folder, 'guard', `levers-${port}.json`);
}
