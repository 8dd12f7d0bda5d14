/** Doing one job: a block of a step, a diagnosis, a verification. What comes of it is written down later. */
import { AllclearError, toAllclearError } from '../../kernel/index.ts';
import { listEvents } from '../../store/index.ts';
import { type BlockResult, executeBlock, neverStarted } from '../block.ts';
import { concludeDiagnosis, concludeVerification } from '../conclude.ts';
import { verifyAnswers } from '../desk/questions.ts';
import { renderStep } from '../rendered-step.ts';
import { readTimeline } from '../timeline.ts';
import { verifyUntil } from '../verify.ts';
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
    return reportFailure(job, worker, `${toAllclearError(error).message}.`);
  }
}

/** Not to be tried for ever: a person sees what is wrong. */
function reportFailure({ kind, about }: CheckJob, { clock }: WorkerContext, why: string): Report {
  const subject = { runbook: { id: about.incident.runbook }, surroundings: { clock } };
  return (page) =>
    kind === 'diagnose'
      ? concludeDiagnosis(page, subject, {
          runbook: about.incident.runbook,
          verdict: 'inconclusive',
          why,
          readings: [],
        })
      : concludeVerification(page, subject, { verified: false, why, readings: [], rounds: 0 });
}

async function verify(worker: WorkerContext, { about }: CheckJob, signal: AbortSignal): Promise<Report> {
  const { runbook, incident } = about;
  if (!runbook) {
    throw new AllclearError('E_NOT_FOUND', { what: 'No runbook is linked, so nothing can be verified' });
  }
  const surroundings = worker.surround(about);
  const asks = runbook.checks.some(({ section, question }) => section === 'verify' && question !== null);
  const answers = verifyAnswers(asks ? readTimeline(await listEvents(worker.store.db, incident.id)) : []);
  const result = await verifyUntil(runbook, surroundings, {
    ...worker.verifying,
    signal,
    askQuestion: async (_, check) => answers.get(check.name) ?? 'unknown',
  });
  return (page) => concludeVerification(page, { runbook, surroundings }, result);
}
