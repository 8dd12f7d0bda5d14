/** Doing one job: a block of a step, a diagnosis, a verification. What comes of it is written down later. */
import { AllclearError, toAllclearError } from '../../kernel/index.ts';
import { listEvents } from '../../store/index.ts';
import { type BlockResult, executeBlock, neverStarted } from '../block.ts';
import { recordVerification } from '../freshness.ts';
import { renderStep } from '../rendered-step.ts';
import { keptReadings, readTimeline } from '../timeline.ts';
import { type Answer, type Verification, verifyUntil } from '../verify.ts';
import type { CheckJob, Job, Outcome, StepJob, WorkerContext } from './context.ts';
import type { Report } from './ports.ts';
import { isStoreTrouble } from './store-trouble.ts';

/** Never throws: whatever happens is an outcome. On abort a step is ended, and a check goes back to the queue. */
export async function runJob(worker: WorkerContext, job: Job, signal: AbortSignal): Promise<Outcome> {
  return job.kind === 'step'
    ? { job, result: await runStep(worker, job, signal) }
    : { job, report: await runCheck(worker, job, signal) };
}

async function runStep(worker: WorkerContext, job: StepJob, signal: AbortSignal): Promise<BlockResult> {
  const { about, attempt } = job;
  try {
    const surroundings = worker.surround(about);
    const step = about.runbook?.steps.find(({ index }) => index === attempt.step);
    if (!step) {
      throw new AllclearError('E_NOT_FOUND', {
        what: `the runbook that incident ${attempt.incident} began with has no step ${attempt.step}`,
      });
    }
    const rendered = renderStep(step, surroundings);
    if (rendered.hash !== attempt.stepHash) {
      throw new AllclearError('E_APPROVAL_STALE', {
        what: `step ${step.index} "${step.title}" is not what was approved: it was not run`,
        next: 'Give servers and workers the same parameters; then run it again, which needs a new approval.',
      });
    }
    return await executeBlock(rendered, attempt.block, { surroundings, signal, execute: worker.execute });
  } catch (error) {
    return neverStarted(error) ?? failedOtherwise(error);
  }
}

/** Preparing it failed, or supervising it: said as it is. */
function failedOtherwise(error: unknown): BlockResult {
  const { code, message } = toAllclearError(error);
  return { state: 'failed', exit: null, output: `${code} ${message}`, truncated: false, durationMs: 0 };
}

/** Null: to be done again. */
async function runCheck(worker: WorkerContext, job: CheckJob, signal: AbortSignal): Promise<Report | null> {
  try {
    const report = await (job.kind === 'diagnose'
      ? worker.diagnose(job.about, worker.surround(job.about), signal)
      : verify(worker, job, signal));
    return signal.aborted ? null : report;
  } catch (error) {
    if (signal.aborted || isStoreTrouble(error)) return null;
    worker.log({
      event: 'check-failed',
      incident: job.about.incident.id,
      work: job.kind,
      why: String(error),
    });
    return reportFailure(job, `${toAllclearError(error).message}.`);
  }
}

/** Not to be tried for ever: a person sees what is wrong. */
function reportFailure(job: CheckJob, why: string): Report {
  return async (page) => {
    if (job.kind === 'diagnose') {
      const verdict = 'inconclusive';
      await page.move({ kind: 'verdict-reached', verdict, why }, { verdict, why, readings: [] });
    } else {
      await page.move({ kind: 'not-verified', why }, { why, readings: [], rounds: 0 });
    }
  };
}

async function verify(worker: WorkerContext, { about }: CheckJob, signal: AbortSignal): Promise<Report> {
  const { runbook, incident } = about;
  if (!runbook) {
    throw new AllclearError('E_NOT_FOUND', { what: 'No runbook is linked, so nothing can be verified' });
  }
  const surroundings = worker.surround(about);
  const answers = await answersTo(worker, incident.id);
  const result = await verifyUntil(runbook, surroundings, {
    ...worker.verifying,
    signal,
    askQuestion: async (_, check) => answers.get(check.name) ?? 'unknown',
  });
  return reportVerification(about.runbook!, worker, result);
}

function reportVerification(
  runbook: NonNullable<CheckJob['about']['runbook']>,
  { clock }: WorkerContext,
  result: Verification,
): Report {
  const { verified, why, rounds } = result;
  return async (page) => {
    const data = { why, rounds, readings: keptReadings(result.readings) };
    if (verified) await page.move({ kind: 'verified', why }, data);
    else await page.move({ kind: 'not-verified', why }, data);
    await recordVerification(page, { runbook, surroundings: { clock } }, result);
  };
}

/** What people have said about questions of Verify since the last change to the system. */
async function answersTo({ store }: WorkerContext, incident: string): Promise<Map<string, Answer>> {
  const events = readTimeline(await listEvents(store.db, incident));
  const since = events.findLastIndex(({ kind }) => kind === 'step-ended' || kind === 'step-reported');
  const said = events.slice(since + 1).flatMap((event) => (event.kind === 'answered' ? [event.data] : []));
  return new Map(said.map(({ check, answer }) => [check, answer as Answer]));
}
