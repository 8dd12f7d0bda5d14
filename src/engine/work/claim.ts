/** Taking work: with it, what shows that it has begun is committed, so that a step that is not in the store has not run. */
import { AllclearError, newId } from '../../kernel/index.ts';
import {
  type AttemptRecord,
  hasReadyWork,
  holdWork,
  insertIntents,
  type PickedWork,
  pickWork,
  releaseWork,
  type WorkRecord,
  type Writer,
  withdrawWork,
} from '../../store/index.ts';
import { openPage } from '../journal.ts';
import { casesOf, titleOf } from './cases.ts';
import type { Job, WorkerContext } from './context.ts';
import { Scribe } from './events.ts';
import type { Case } from './ports.ts';
import { isStoreTrouble } from './store-trouble.ts';

/** Before work is tried again that could not begin. */
const BUSY_MS = 1_000;
const BROKEN_MS = 60_000;

/**
 * Takes up to `limit` jobs, oldest first.
 * Errors: the store's. After `E_STORE_UNKNOWN` some may be taken all the same; their leases end by themselves.
 */
export async function claim(worker: WorkerContext, limit: number): Promise<Job[]> {
  const { store, sites } = worker;
  if (!(await hasReadyWork(store.db, { sites, now: store.now() }))) return [];
  try {
    return await store.write((tx) => claimIn(tx, worker, limit));
  } catch (error) {
    if (isStoreTrouble(error)) throw error;
    if (limit > 1) return claim(worker, 1);
    // One that cannot begin must not keep the others from it.
    await store.write((tx) => postponeFirst(tx, worker));
    worker.log({ event: 'work-postponed', why: error instanceof Error ? error.message : String(error) });
    return [];
  }
}

async function postponeFirst(tx: Writer, worker: WorkerContext): Promise<void> {
  const at = worker.store.now();
  const picked = await pick(tx, worker, 1, at);
  await postpone(
    tx,
    picked.map(({ work }) => work),
    at + BROKEN_MS,
  );
}

function pick(
  tx: Writer,
  { store, name, sites, lease }: WorkerContext,
  limit: number,
  now: number,
): Promise<PickedWork[]> {
  return pickWork(tx, store.kind, { worker: name, sites, limit, now, leaseUntil: now + lease.ms });
}

async function postpone(tx: Writer, picked: readonly WorkRecord[], until: number): Promise<void> {
  await holdWork(tx, picked);
  await releaseWork(tx, picked, until);
}

async function claimIn(tx: Writer, worker: WorkerContext, limit: number): Promise<Job[]> {
  const at = worker.store.now();
  const picked = await pick(tx, worker, limit, at);
  const cases = await casesOf(
    tx,
    picked.map(({ incident }) => incident),
  );
  const taken = picked.map(({ work }) => work);
  const scribe = new Scribe(tx, worker.name, at);
  const steps = await beginSteps(
    tx,
    worker,
    taken.filter(({ kind }) => kind === 'step'),
    cases,
    scribe,
  );
  await holdWork(
    tx,
    taken.filter(({ kind }) => kind !== 'step'),
  );
  const checks: Job[] = [];
  for (const work of taken) {
    const about = cases.get(work.incident)!;
    if (work.kind !== 'step')
      checks.push(await beginCheck(tx, worker, { ...work, kind: work.kind }, about, at));
  }
  return [...steps, ...checks];
}

/** From here on each has an attempt, which bears the lease. */
async function beginSteps(
  tx: Writer,
  worker: WorkerContext,
  taken: readonly WorkRecord[],
  cases: ReadonlyMap<string, Case>,
  scribe: Scribe,
): Promise<Job[]> {
  if (taken.length === 0) return [];
  const at = worker.store.now();
  const intents = taken.map((work) => ({
    id: newId('att', worker.clock),
    incident: work.incident,
    step: work.step!,
    block: work.block!,
    stepHash: work.stepHash!,
    worker: worker.name,
    at,
    leaseUntil: at + worker.lease.ms,
    fence: work.fence,
  }));
  const attempts = await insertIntents(tx, intents);
  const begun = attempts.filter((attempt): attempt is AttemptRecord => !(attempt instanceof AllclearError));
  const busy = taken.filter((_, index) => attempts[index] instanceof AllclearError);
  // Another program runs a step of this incident, or has left one that nobody has decided about.
  await postpone(tx, busy, at + BUSY_MS);
  await withdrawWork(
    tx,
    begun.map(({ incident }) => incident),
  );
  const jobs: Job[] = [];
  for (const attempt of begun) {
    const about = cases.get(attempt.incident)!;
    const { step, block, attempt: number, fence } = attempt;
    const data = { step, title: titleOf(about, step), block, attempt: number, fence };
    scribe.append(attempt.incident, 'step-intended', data);
    jobs.push({ kind: 'step', about, attempt });
  }
  await scribe.flush();
  return jobs;
}

/** The plan has moved the incident already, but for one that was planned long ago by other means. */
async function beginCheck(
  tx: Writer,
  worker: WorkerContext,
  work: WorkRecord & { kind: 'diagnose' | 'verify' },
  about: Case,
  at: number,
): Promise<Job> {
  const { state } = about.incident;
  const page = openPage(tx, { incident: work.incident, actor: worker.name, at });
  if (work.kind === 'diagnose' && state !== 'diagnosing') await page.move({ kind: 'diagnosis-started' }, {});
  if (work.kind === 'verify' && state !== 'verifying') await page.move({ kind: 'verification-started' }, {});
  return { kind: work.kind, about, fence: work.fence };
}
