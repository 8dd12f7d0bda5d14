/** The work of a server: its own worker, or at least an eye on what other workers leave behind. */
import {
  createSweep,
  type Desk,
  ITSELF,
  type Lease,
  planNext,
  type SandboxSettings,
} from '../engine/index.ts';
import { type Log, toAllclearError } from '../kernel/index.ts';
import type { Store } from '../store/index.ts';
import { startIncidentWorker } from './incident-worker.ts';
import type { SurroundingsOptions } from './surroundings.ts';

const SWEEP_MS = 1_000;

export interface ServiceWorkOptions {
  readonly desk: Desk;
  /** False: the work is left to others. */
  readonly worker: boolean;
  /** Null: work of any site. */
  readonly sites: readonly string[] | null;
  readonly concurrency: number;
  readonly drainSeconds: number;
  readonly lease: Lease;
  readonly surroundings: SurroundingsOptions;
  /** How checks are kept from changing anything. */
  readonly sandbox: SandboxSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly log: Log;
}

export interface ServiceWork {
  /** The worker's name; null when there is none. */
  readonly worker: string | null;
  stop(): Promise<void>;
}

/** What was asked for; else any site on SQLite, and none on PostgreSQL, where other machines have theirs. */
export function sitesOf(store: Store, given: readonly string[] | null): readonly string[] | null {
  return given ?? (store.kind === 'sqlite' ? null : ['']);
}

/** Errors: as `startIncidentWorker` */
export async function startServiceWork(options: ServiceWorkOptions): Promise<ServiceWork> {
  if (!options.worker) return { worker: null, stop: sweepNowAndThen(options) };
  const worker = await startIncidentWorker(options);
  return { worker: worker.name, stop: () => worker.stop() };
}

/** @returns stops, when a look that is under way has ended */
function sweepNowAndThen({ desk, lease, log }: ServiceWorkOptions): () => Promise<void> {
  const { store, clock } = desk;
  const sweep = createSweep({ store, clock, lease, log, planNext: planNext(desk), name: ITSELF });
  const stop = new AbortController();
  const loop = async () => {
    while (!stop.signal.aborted) {
      await sweep().catch((error: unknown) => {
        const { code, message } = toAllclearError(error);
        log({ event: 'sweep-failed', code, why: message });
      });
      await clock.sleep(SWEEP_MS, stop.signal).catch(() => {});
    }
  };
  const ended = loop();
  return () => {
    stop.abort();
    return ended;
  };
}
