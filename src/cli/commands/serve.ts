/** `allclear serve`: the incident service. */
import { boundedWriter } from '../../app/bounded-writer.ts';
import { makeLog } from '../../app/make-log.ts';
import { type Service, startService } from '../../app/serve.ts';
import type { SurroundingsOptions } from '../../app/surroundings.ts';
import { untilToldToStop } from '../../app/until-told-to-stop.ts';
import { AllclearError, oneLine } from '../../kernel/index.ts';
import type { RequestLogging } from '../../server/index.ts';
import type { Io } from '../io.ts';
import { leaseOf } from '../lease-setting.ts';
import { concurrencyOf, drainOf, sitesOf } from '../worker-settings.ts';

export interface ServeCommandOptions extends SurroundingsOptions {
  readonly listen?: string;
  readonly runbooks?: readonly string[];
  readonly config?: string;
  readonly publicUrl?: string;
  /** False with `--no-worker`. */
  readonly worker?: boolean;
  readonly site?: readonly string[];
  readonly concurrency?: string;
  /** A duration. */
  readonly drain?: string;
  readonly logRequests?: string;
  readonly jsonLogs?: boolean;
}

/** Runs until Ctrl-C, SIGTERM or the end of the parent process. Prints one ready line on stdout. */
export async function serveCommand(options: ServeCommandOptions, io: Io): Promise<number> {
  const notices = boundedWriter(
    process.stderr.fd,
    (count) => `${JSON.stringify({ event: 'notices-dropped', count })}\n`,
  );
  const json = options.jsonLogs === true || !process.stderr.isTTY;
  const service = await startService({
    listen: options.listen ?? '127.0.0.1:8600',
    runbooks: options.runbooks ?? [],
    config: options.config,
    publicUrl: options.publicUrl,
    drainSeconds: drainOf(options.drain ?? '10s'),
    logRequests: which(options.logRequests ?? 'errors'),
    worker: options.worker !== false,
    sites: options.site === undefined ? null : sitesOf(options.site),
    concurrency: concurrencyOf(options.concurrency ?? '8'),
    lease: leaseOf(io.env),
    surroundings: options,
    env: io.env,
    cwd: io.cwd,
    log: makeLog('serve', json, (line) => notices.write(line)),
  });
  const people = process.stdout.isTTY && options.jsonLogs !== true;
  io.out(people ? readyText(service) : `${readyLine(service)}\n`);
  await untilToldToStop(io.signal, () => {});
  await service.stop();
  await notices.end();
  return 0;
}

const MAKE_TOKEN = 'allclear token create --owner YOU --role admin';

function readyLine({ url, store, runbooks, worker, noTokens }: Service): string {
  const next = noTokens ? MAKE_TOKEN : undefined;
  return JSON.stringify({ event: 'ready', url, store, runbooks, worker, next });
}

function readyText({ url, store, runbooks, worker, noTokens }: Service): string {
  const lines = [
    `Serving on ${url}: ${runbooks} runbook${runbooks === 1 ? '' : 's'}, store ${store}. Ctrl-C stops.`,
    worker === null ? 'It does no work by itself: start `allclear worker` beside it.' : null,
    noTokens
      ? `Nobody can come in yet. Make a token: ${MAKE_TOKEN}`
      : `Send alerts to ${url}/api/v1/webhooks/alertmanager: \`allclear init --alertmanager\` writes the configuration.`,
  ];
  return `${lines.filter((line) => line !== null).join('\n')}\n`;
}

function which(text: string): RequestLogging {
  if (text === 'none' || text === 'errors' || text === 'all') return text;
  throw new AllclearError('E_BAD_VALUE', {
    what: `--log-requests cannot be "${oneLine(text, 60)}"`,
    next: 'It takes none, errors or all.',
  });
}
