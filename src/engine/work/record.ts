/** Writing outcomes down: the ends of many jobs, and what comes next for their incidents, in one transaction. */
import {
  findAttempts,
  finishAttempts,
  finishWork,
  lockIncidents,
  releaseWork,
  type Writer,
} from '../../store/index.ts';
import { recordSteps } from '../freshness.ts';
import { openPage } from '../journal.ts';
import { titleOf } from './cases.ts';
import type { CheckJob, Outcome, StepJob, WorkerContext } from './context.ts';
import { Scribe } from './events.ts';

type StepOutcome = Extract<Outcome, { result: unknown }>;
type CheckOutcome = Extract<Outcome, { report: unknown }>;

/**
 * Safe to repeat: what was recorded before, by a commit whose answer was lost, is not recorded again.
 * Errors: the store's; a timeline that is full (`E_LIMIT`), a state that allows no such report (`E_TRANSITION`).
 */
export async function recordOutcomes(worker: WorkerContext, outcomes: readonly Outcome[]): Promise<void> {
  const { store, name } = worker;
  await store.write(async (tx) => {
    const at = store.now();
    await lockIncidents(
      tx,
      outcomes.map(({ job }) => job.about.incident.id),
    );
    const scribe = new Scribe(tx, name, at);
    await recordStepEnds(
      tx,
      worker,
      outcomes.filter((outcome): outcome is StepOutcome => 'result' in outcome),
      scribe,
      at,
    );
    await recordReports(
      tx,
      worker,
      outcomes.filter((outcome): outcome is CheckOutcome => 'report' in outcome),
      scribe,
      at,
    );
    const done = scribe.done();
    if (done.length > 0) await worker.planNext(tx, done, at);
  });
}

async function recordStepEnds(
  tx: Writer,
  worker: WorkerContext,
  outcomes: readonly StepOutcome[],
  scribe: Scribe,
  at: number,
): Promise<void> {
  if (outcomes.length === 0) return;
  const ends = outcomes.map(({ job: { attempt }, result }) => ({
    ...result,
    id: attempt.id,
    fence: attempt.fence,
    at,
  }));
  const accepted = await finishAttempts(tx, ends);
  const ended = outcomes.filter(({ job }) => accepted.has(job.attempt.id));
  for (const { job, result } of ended) {
    const { state, exit, durationMs } = result;
    const data = { ...named(job), state, exit, durationMs: Math.round(durationMs) };
    scribe.append(job.about.incident.id, 'step-ended', data);
  }
  recordSteps(
    tx,
    ended.map(({ job, result }) => ({
      incident: job.about.incident.id,
      runbook: job.about.incident.runbook,
      step: job.attempt.step,
      kind: result.state,
    })),
    { clock: worker.clock, at },
  );
  const others = outcomes.filter(({ job }) => !accepted.has(job.attempt.id));
  await recordLate(tx, worker, others, scribe);
  await scribe.flush();
}

/** Not accepted: it was given up meanwhile, or an earlier commit, whose answer was lost, has recorded it. */
async function recordLate(
  tx: Writer,
  worker: WorkerContext,
  outcomes: readonly StepOutcome[],
  scribe: Scribe,
): Promise<void> {
  const stored = await findAttempts(
    tx,
    outcomes.map(({ job }) => job.attempt.id),
  );
  for (const { job, result } of outcomes) {
    const found = stored.find(({ id }) => id === job.attempt.id);
    if (!found || found.fence === job.attempt.fence) continue;
    scribe.append(job.about.incident.id, 'step-late', { ...named(job), state: result.state });
    worker.log({ event: 'step-late', incident: job.about.incident.id, step: job.attempt.step });
  }
}

function named({ about, attempt: { step, block, attempt, fence } }: StepJob) {
  return { step, title: titleOf(about, step), block, attempt, fence };
}

async function recordReports(
  tx: Writer,
  worker: WorkerContext,
  outcomes: readonly CheckOutcome[],
  scribe: Scribe,
  at: number,
): Promise<void> {
  const stopped = outcomes.filter(({ report }) => report === null).map(({ job }) => holding(job));
  await releaseWork(tx, stopped, at);
  const reported = outcomes.filter(({ report }) => report !== null);
  const accepted = await finishWork(
    tx,
    reported.map(({ job }) => holding(job)),
  );
  for (const { job, report } of reported) {
    const incident = job.about.incident.id;
    if (!accepted.has(incident)) {
      worker.log({ event: 'report-late', incident, work: job.kind });
      continue;
    }
    const note = (event: Parameters<Scribe['note']>[1]) => scribe.note(incident, event);
    await report!(openPage(tx, { incident, actor: worker.name, at, note }));
  }
}

function holding({ about, fence }: CheckJob) {
  return { incident: about.incident.id, fence };
}
