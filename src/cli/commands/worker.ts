/** `allclear worker`: does the work of incidents that servers share with it. */
import { boundedWriter } from '../../app/bounded-writer.ts';
import { makeLog } from '../../app/make-log.ts';
import type { SurroundingsOptions } from '../../app/surroundings.ts';
import { untilToldToStop } from '../../app/until-told-to-stop.ts';
import { startWorkerProgram, type WorkerProgram } from '../../app/worker.ts';
import type { Io } from '../io.ts';
import { leaseOf } from '../lease-setting.ts';
import { concurrencyOf, drainOf, sitesOf } from '../worker-settings.ts';

export interface WorkerCommandOptions extends SurroundingsOptions {
  readonly site?: readonly string[];
  readonly concurrency?: string;
  readonly runbooks?: readonly string[];
  readonly config?: string;
  /** A duration. */
  readonly drain?: string;
  readonly jsonLogs?: boolean;
}

/** Runs until Ctrl-C, SIGTERM or the end of the parent process. Prints one ready line on stdout. */
export async function workerCommand(options: WorkerCommandOptions, io: Io): Promise<number> {
  const notices = boundedWriter(
    process.stderr.fd,
    (count) => `${JSON.stringify({ event: 'notices-dropped', count })}\n`,
  );
  const json = options.jsonLogs === true || !process.stderr.isTTY;
  const sites = sitesOf(options.site ?? []);
  const concurrency = concurrencyOf(options.concurrency ?? '8');
  const worker = await startWorkerProgram({
    ...options,
    sites,
    concurrency,
    runbooks: options.runbooks ?? [],
    drainSeconds: drainOf(options.drain ?? '10s'),
    lease: leaseOf(io.env),
    env: io.env,
    cwd: io.cwd,
    log: makeLog('worker', json, (line) => notices.write(line)),
  });
  const people = process.stdout.isTTY && options.jsonLogs !== true;
  io.out(people ? readyText(worker, sites, concurrency) : `${readyLine(worker, sites, concurrency)}\n`);
  await untilToldToStop(io.signal, () => {});
  await worker.stop();
  await notices.end();
  return 0;
}

function readyLine({ name, store }: WorkerProgram, sites: readonly string[], concurrency: number): string {
  const all = sites.length === 0;
  return JSON.stringify({ event: 'ready', worker: name, store, sites: all ? null : sites, concurrency });
}

function readyText({ name, store }: WorkerProgram, sites: readonly string[], concurrency: number): string {
  const where =
    sites.length === 0 ? 'of any site' : `of ${sites.map((site) => site || 'no site').join(', ')}`;
  return `Worker ${name}: takes work ${where} from ${store}, ${concurrency} at once. Ctrl-C stops.\n`;
}
