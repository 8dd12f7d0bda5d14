/** `allclear guard`: the proxy in front of MCP servers. */
import { startGuardProgram, untilToldToStop } from '../../app/guard.ts';
import type { Io } from '../io.ts';

export interface GuardCommandOptions {
  readonly upstream?: readonly string[];
  readonly listen?: string;
  readonly admin?: string;
  /** False: `--no-state`. */
  readonly state?: string | false;
  readonly authUpstream?: string;
  readonly authListen?: string;
  /** False with `--no-cache`. */
  readonly cache?: boolean;
  readonly jsonLogs?: boolean;
}

/** Runs until Ctrl-C, SIGTERM or the end of the parent process. Prints one ready line on stdout. */
export async function guardCommand(options: GuardCommandOptions, io: Io): Promise<number> {
  const guard = await startGuardProgram({
    upstreams: options.upstream ?? [],
    listen: options.listen ?? '127.0.0.1:8080',
    admin: options.admin ?? '127.0.0.1:9090',
    state: options.state,
    authUpstream: options.authUpstream,
    authListen: options.authListen ?? '127.0.0.1:8081',
    cache: options.cache !== false,
    env: io.env,
    cwd: io.cwd,
    // People read notices on a terminal; programs get JSON lines.
    jsonLogs: options.jsonLogs === true || !process.stderr.isTTY,
    err: (text) => io.err(text),
  });
  const { listenUrl: listen, adminUrl: admin, authUrl: auth } = guard;
  const people = process.stdout.isTTY && options.jsonLogs !== true;
  io.out(
    people
      ? `Guarding: MCP traffic on ${listen}, ${auth ? `authorization on ${auth}, ` : ''}metrics and levers on ${admin}. Ctrl-C stops.\n`
      : `${JSON.stringify({ event: 'ready', listen, admin, ...(auth && { auth }) })}\n`,
  );
  await untilToldToStop(io.signal);
  await guard.stop();
  return 0;
}
