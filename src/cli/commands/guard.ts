/** `allclear guard`: the proxy in front of MCP servers. */
import { boundedWriter } from '../../app/bounded-writer.ts';
import { startGuardProgram } from '../../app/guard.ts';
import { untilToldToStop } from '../../app/until-told-to-stop.ts';
import type { RequestLogging } from '../../guard/index.ts';
import { AllclearError, oneLine, parseDuration } from '../../kernel/index.ts';
import type { Io } from '../io.ts';

export interface GuardCommandOptions {
  readonly upstream?: readonly string[];
  readonly config?: string;
  readonly listen?: string;
  readonly admin?: string;
  /** False: `--no-state`. */
  readonly state?: string | false;
  readonly authUpstream?: string;
  readonly authListen?: string;
  /** False with `--no-cache`. */
  readonly cache?: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly upstreamCa?: string;
  /** A duration. */
  readonly drain?: string;
  readonly logRequests?: string;
  readonly jsonLogs?: boolean;
}

/** Runs until Ctrl-C, SIGTERM or the end of the parent process; SIGHUP reloads. Prints one ready line on stdout. */
export async function guardCommand(options: GuardCommandOptions, io: Io): Promise<number> {
  const notices = boundedWriter(
    process.stderr.fd,
    (count) => `${JSON.stringify({ event: 'notices-dropped', count })}\n`,
  );
  const guard = await startGuardProgram({
    upstreams: options.upstream ?? [],
    config: options.config,
    listen: options.listen ?? '127.0.0.1:8080',
    admin: options.admin ?? '127.0.0.1:9090',
    state: options.state,
    authUpstream: options.authUpstream,
    authListen: options.authListen ?? '127.0.0.1:8081',
    cache: options.cache !== false,
    tlsCert: options.tlsCert,
    tlsKey: options.tlsKey,
    upstreamCa: options.upstreamCa,
    drainSeconds: drainSeconds(options.drain ?? '10s'),
    logRequests: which(options.logRequests ?? 'none'),
    env: io.env,
    cwd: io.cwd,
    // People read notices on a terminal; programs get JSON lines.
    jsonLogs: options.jsonLogs === true || !process.stderr.isTTY,
    err: (line) => notices.write(line),
  });
  const { listenUrl: listen, adminUrl: admin, authUrl: auth } = guard;
  const people = process.stdout.isTTY && options.jsonLogs !== true;
  io.out(
    people
      ? `Guarding: MCP traffic on ${listen}, ${auth ? `authorization on ${auth}, ` : ''}metrics and levers on ${admin}. Ctrl-C stops.\n`
      : `${JSON.stringify({ event: 'ready', listen, admin, ...(auth && { auth }) })}\n`,
  );
  // Refusals are in the log.
  await untilToldToStop(io.signal, () => void guard.reload('SIGHUP').catch(() => {}));
  await guard.stop();
  await notices.end();
  return 0;
}

function drainSeconds(text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined && seconds <= 3600) return seconds;
  throw new AllclearError('E_BAD_VALUE', {
    what: `--drain cannot be "${oneLine(text, 60)}"`,
    next: 'It takes a duration up to 1h, for example 0s, 30s or 5m.',
  });
}

function which(text: string): RequestLogging {
  if (text === 'none' || text === 'errors' || text === 'all') return text;
  throw new AllclearError('E_BAD_VALUE', {
    what: `--log-requests cannot be "${oneLine(text, 60)}"`,
    next: 'It takes none, errors or all.',
  });
}
