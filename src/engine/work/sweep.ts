/** Looks after what dead workers leave behind, and after approvals that ended before anybody began. */
import {
  type AttemptRecord,
  giveUpAttempts,
  listExpiredWork,
  listLiveAttempts,
  listTakenWork,
  lockIncidents,
  releaseWork,
  type WorkRecord,
} from '../../store/index.ts';
import { readCases, titleOf } from './cases.ts';
import type { WorkerContext } from './context.ts';
import { Scribe } from './events.ts';
import { LeaseWatch, type Watched } from './lease-watch.ts';
import { isStoreTrouble } from './store-trouble.ts';

/** What a sweep needs of a worker; a server without one sweeps too. */
export type SweepContext = Pick<WorkerContext, 'store' | 'clock' | 'lease' | 'planNext' | 'log'> & {
  /** The actor of events. */
  readonly name: string;
};

/** Expired approvals looked after at once; the rest comes next time. */
const MAX_EXPIRED = 200;

type Lost = Watched & ({ attempt: AttemptRecord } | { work: WorkRecord });

/**
 * A steps' attempt whose lease has ended becomes `unknown`, and waits for a person; a diagnosis or verification goes
 * back to the queue.
 * @returns a function to call about once a second; each call looks once. Errors: the store's.
 */
export function createSweep(context: SweepContext): () => Promise<void> {
  const { store, clock, lease, log } = context;
  const watch = new LeaseWatch({ quietMs: lease.renewMs * 1.5, leaseMs: lease.ms });
  return async () => {
    const [attempts, taken] = await Promise.all([listLiveAttempts(store.db), listTakenWork(store.db)]);
    const leases: Lost[] = [
      ...attempts.map((attempt) => ({ key: attempt.id, leaseUntil: attempt.leaseUntil, attempt })),
      ...taken.map((work) => ({
        key: `${work.incident} ${work.fence}`,
        leaseUntil: work.leaseUntil ?? 0,
        work,
      })),
    ];
    for (const lost of watch.look(leases, store.now(), clock.monotonic())) {
      await settle(context, lost).catch((error: unknown) => {
        if (isStoreTrouble(error)) throw error;
        // One that cannot be settled (a full time line) must not keep the others from it.
        log({ event: 'lost-work-not-settled', why: error instanceof Error ? error.message : String(error) });
      });
    }
    await planExpired(context);
  };
}

async function settle(context: SweepContext, lost: Lost): Promise<void> {
  const { store, log } = context;
  if ('attempt' in lost) {
    await giveUp(context, lost.attempt);
    return;
  }
  const { incident, kind, worker } = lost.work;
  const again = await store.write((tx) => releaseWork(tx, [lost.work], store.now()));
  if (again > 0) log({ event: 'work-again', incident, work: kind, worker });
}

async function giveUp(context: SweepContext, attempt: AttemptRecord): Promise<void> {
  const { store, name, planNext, log } = context;
  const { incident } = attempt;
  const swept = await store.write(async (tx) => {
    const at = store.now();
    await lockIncidents(tx, [incident]);
    const [given] = await giveUpAttempts(tx, [attempt], at);
    if (!given) return false;
    const about = (await readCases(tx, [incident])).get(incident);
    const title = about ? titleOf(about, given.step) : `step ${given.step}`;
    const { step, block, attempt: number, fence, worker } = given;
    const scribe = new Scribe(tx, name, at);
    scribe.append(incident, 'step-unknown', { step, title, block, attempt: number, fence, worker });
    await scribe.flush();
    await planNext(tx, scribe.done(), at);
    return true;
  });
  if (swept) log({ event: 'step-unknown', incident, step: attempt.step, worker: attempt.worker });
}

/** A step that nobody began before its approval ended is not begun any more: it waits for a new approval. */
async function planExpired({ store, planNext }: SweepContext): Promise<void> {
  const incidents = await listExpiredWork(store.db, store.now(), MAX_EXPIRED);
  if (incidents.length === 0) return;
  await store.write(async (tx) => {
    await lockIncidents(tx, incidents);
    await planNext(
      tx,
      incidents.map((incident) => ({ incident, events: [] })),
      store.now(),
    );
  });
}
