/** `allclear serve`: the incident service. */
import { boundedWriter } from '../../app/bounded-writer.ts';
import { makeLog } from '../../app/make-log.ts';
import { type Service, startService } from '../../app/serve.ts';
import { untilToldToStop } from '../../app/until-told-to-stop.ts';
import type { Io } from '../io.ts';

export interface ServeCommandOptions {
  readonly listen?: string;
  readonly runbooks?: readonly string[];
  readonly config?: string;
  readonly publicUrl?: string;
  readonly jsonLogs?: boolean;
}

const DRAIN_SECONDS = 10;

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
    drainSeconds: DRAIN_SECONDS,
    env: io.env,
    cwd: io.cwd,
    log: makeLog('serve', json, (line) => notices.write(line)),
  });
  io.out(process.stdout.isTTY ? readyText(service) : `${readyLine(service)}\n`);
  await untilToldToStop(io.signal, () => {});
  await service.stop();
  await notices.end();
  return 0;
}

function readyLine({ url, store, runbooks, noTokens }: Service): string {
  return JSON.stringify({ event: 'ready', url, store, runbooks, ...(noTokens && { next: MAKE_TOKEN }) });
}

const MAKE_TOKEN = 'allclear token create --owner YOU --role admin';

function readyText({ url, store, runbooks, noTokens }: Service): string {
  const lines = [
    `Serving on ${url}: ${runbooks} runbook${runbooks === 1 ? '' : 's'}, store ${store}. Ctrl-C stops.`,
    noTokens
      ? `Nobody can come in yet. Make a token: ${MAKE_TOKEN}`
      : `Send alerts to ${url}/api/v1/webhooks/alertmanager; see \`allclear init --alertmanager\`.`,
  ];
  return `${lines.join('\n')}\n`;
}
