/** `allclear worker`: a process that does the work of incidents which servers share with it. */
import type { Desk, Lease, Worker } from '../engine/index.ts';
import { type Log, systemClock } from '../kernel/index.ts';
import { announce } from '../notify/index.ts';
import { type DeskSettings, followSettings } from './desk-settings.ts';
import { locateHome, openHomeStore } from './home.ts';
import { startIncidentWorker } from './incident-worker.ts';
import { openLibrary } from './library.ts';
import { readServiceConfig } from './service-config.ts';
import type { SurroundingsOptions } from './surroundings.ts';

export interface WorkerProgramOptions extends SurroundingsOptions {
  /** Empty: work of any site. */
  readonly sites: readonly string[];
  readonly concurrency: number;
  /** Files and folders; none: `./runbooks` when there is one, else the shipped ones. */
  readonly runbooks: readonly string[];
  /** Undefined: what a server has written into the store. */
  readonly config?: string | undefined;
  /** Seconds that a stop waits for running steps. */
  readonly drainSeconds: number;
  readonly lease?: Lease | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly log: Log;
}

export interface WorkerProgram {
  readonly name: string;
  /** Without its password. */
  readonly store: string;
  stop(): Promise<void>;
}

/** Errors: those of the configuration, of the library and of the store. */
export async function startWorkerProgram(options: WorkerProgramOptions): Promise<WorkerProgram> {
  const { env, cwd, log, sites } = options;
  const clock = systemClock;
  const settings = await ownSettings(options);
  const store = await openHomeStore(locateHome(env, cwd));
  const stops = [() => store.close()];
  const stop = async () => {
    for (let next = stops.pop(); next; next = stops.pop()) await next();
  };
  try {
    const followed = settings ? null : await followSettings(store, clock);
    stops.push(async () => followed?.close());
    const library = await openLibrary({ paths: options.runbooks, cwd, clock, log });
    stops.push(async () => library.close());
    const desk: Desk = {
      store,
      clock,
      library,
      get policies() {
        return (settings ?? followed!.current).policies;
      },
      get params() {
        return (settings ?? followed!.current).params;
      },
      secrets: [],
      onChange: announce,
    };
    const worker: Worker = await startIncidentWorker({
      desk,
      sites: sites.length === 0 ? null : sites,
      concurrency: options.concurrency,
      drainSeconds: options.drainSeconds,
      lease: options.lease,
      surroundings: options,
      sandbox: (settings ?? followed!.current).sandbox,
      env,
      cwd,
      log,
    });
    stops.push(() => worker.stop());
    return { name: worker.name, store: store.location, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Null: none were given. */
async function ownSettings({ config, env, cwd }: WorkerProgramOptions): Promise<DeskSettings | null> {
  if (config === undefined && !env['ALLCLEAR_CONFIG']?.trim()) return null;
  return readServiceConfig(config, env, cwd);
}
