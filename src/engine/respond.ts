/**
 * What happens between an alert and all clear: diagnose, decide, carry out the steps, verify until it
 * holds. Each turn of the loop does what the incident's stored state calls for, so an incident that was
 * interrupted anywhere goes on from there by the same code.
 */
import { AllclearError } from '../kernel/index.ts';
import { findWork, setNext } from '../store/index.ts';
import { concludeDiagnosis, concludeVerification } from './conclude.ts';
import { withPersonsAnswer } from './desk/questions.ts';
import { diagnose } from './diagnose.ts';
import type { Reading, Verdict } from './model.ts';
import { fixedSinceLastCheck, progressOf, type StepProgress } from './progress.ts';
import { releaseLevers } from './release-levers.ts';
import { carryOutSteps, settleInterrupted } from './remediate.ts';
import type { Approval } from './rendered-step.ts';
import type { Respond, Responded, Turn } from './response.ts';
import { keptReadings } from './timeline.ts';
import { judgeVerdict } from './verdict.ts';
import { verifyOnce, verifyUntil } from './verify.ts';

/**
 * Brings an incident to its end, or to where a person stops it.
 * Errors: `E_APPROVAL_NEEDED` and the other step errors; the incident can be taken up again after any.
 */
export async function respond(given: Respond): Promise<Responded> {
  const context = { ...given, approvals: given.approvals ?? new Map<number, Approval>() };
  try {
    await settleInterrupted(context);
    await takeFromService(context);
    for (;;) {
      const turn = given.signal?.aborted ? await cancelled(context) : await takeTurn(context);
      if (turn) return await summary(context, turn);
    }
  } catch (error) {
    if (!given.signal?.aborted) throw error;
    return summary(context, await cancelled(context));
  }
}

/**
 * An incident of the service is carried on here: what was planned for its workers is withdrawn.
 * @throws `E_STEP_BUSY` while a worker is at it
 */
async function takeFromService({ journal }: Respond): Promise<void> {
  await journal.commit(async ({ tx, incident, at }) => {
    const work = await findWork(tx, incident);
    if (work?.state === 'taken') {
      throw new AllclearError('E_STEP_BUSY', {
        what: `a worker (${work.worker}) is at incident ${incident}: ${work.kind}`,
        next: 'Wait until it is done, or carry on through the service.',
      });
    }
    await setNext(tx, incident, { work: null, waiting: null, at });
  });
}

async function takeTurn(context: Respond): Promise<Turn> {
  const state = await context.journal.state();
  switch (state.state) {
    case 'open':
    case 'diagnosing':
      return reachVerdict(context);
    case 'confirmed':
    case 'inconclusive':
    case 'ruled-out':
    case 'escalated':
      return decideToRemediate(context);
    case 'remediating':
      return remediate(context, state.round);
    case 'verifying':
      return verify(context);
    case 'resolved':
    case 'closed':
      return { ended: 'resolved', why: state.why };
  }
}

async function reachVerdict(context: Respond): Promise<Turn> {
  const { journal, runbook, surroundings } = context;
  await journal.move({ kind: 'diagnosis-started' }, {});
  const seen = await diagnose(runbook, surroundings, context);
  context.signal?.throwIfAborted();
  await recordConclusion(context, seen);
  return null;
}

function recordConclusion(context: Respond, concluded: Verdict): Promise<void> {
  return context.journal.commit((page) => concludeDiagnosis(page, context, concluded));
}

/** Diagnosis ran by itself; from here on somebody decides. */
async function decideToRemediate(context: Respond): Promise<Turn> {
  const { journal, operator } = context;
  const verdict = await answerQuestions(context, await lastVerdict(context));
  const decision = await operator.proceed(verdict);
  const why = `the verdict was ${verdict.verdict}`;
  switch (decision) {
    case 'stop':
      await journal.append('decided', { decision, why });
      return { ended: 'stopped', why };
    case 'escalate':
      await journal.move({ kind: 'escalated', why }, { why });
      return { ended: 'escalated', why };
    case 'proceed':
      if (context.policy.checkBeforeFix) await checkBeforeFix(context);
      await journal.commit(async (page) => {
        await page.append('decided', { decision, why });
        await page.move({ kind: 'remediation-started' }, {});
      });
      return null;
  }
}

/** Where the verdict is open, a person may know what no output says. */
async function answerQuestions(context: Respond, verdict: Verdict): Promise<Verdict> {
  if (verdict.verdict !== 'inconclusive') return verdict;
  const readings: Reading[] = [];
  for (const reading of verdict.readings) {
    const open = reading.question !== null && reading.judgement === 'unknown';
    readings.push(open ? await answered(context, reading, reading.question) : reading);
  }
  if (readings.every((reading, index) => reading === verdict.readings[index])) return verdict;
  const concluded = judgeVerdict(context.runbook, readings);
  await recordConclusion(context, concluded);
  return concluded;
}

async function answered(context: Respond, reading: Reading, question: string): Promise<Reading> {
  const answer = await context.operator.answer(question, reading);
  if (answer === 'unknown') return reading;
  await context.journal.append('answered', { check: reading.check, question, answer });
  return withPersonsAnswer(reading, answer, context.journal.actor);
}

async function checkBeforeFix(context: Respond): Promise<void> {
  const { runbook, surroundings, signal, journal } = context;
  const { verified, why, readings } = await verifyOnce(runbook, surroundings, { signal });
  signal?.throwIfAborted();
  await journal.append('checked-before-fix', { verified, why, readings: keptReadings(readings) });
}

async function remediate(context: Respond, round: number): Promise<Turn> {
  const left = await carryOutSteps(context);
  if (left) return left;
  if (fixedSinceLastCheck(await context.journal.timeline())) {
    await context.journal.move({ kind: 'verification-started' }, {});
    return null;
  }
  return afterFailedVerify(context, round);
}

/** Verify has failed, and nothing was done since: somebody must say what next. */
async function afterFailedVerify(context: Respond, round: number): Promise<Turn> {
  const { journal, operator, policy } = context;
  const failed = (await journal.timeline()).findLast((event) => event.kind === 'not-verified');
  const why = failed?.data.why ?? 'verify has failed';
  if (round > policy.maxRounds) return escalate(context, `verify failed ${policy.maxRounds} times: ${why}`);
  const steps = await progress(context);
  const proposal = steps.find((step) => step.state === 'skipped') ?? null;
  const next = await operator.afterFailedVerify(why, proposal);
  switch (next.action) {
    case 'step': {
      const step = steps.find((known) => known.index === next.step);
      if (!step) throw new AllclearError('E_NOT_FOUND', { what: `the runbook has no step ${next.step}` });
      await journal.append('step-reopened', { step: step.index, title: step.title, why });
      return null;
    }
    case 'verify':
      await journal.move({ kind: 'verification-started' }, {});
      return null;
    case 'escalate':
      return escalate(context, next.why);
    case 'stop':
      return stop(context, next.why);
  }
}

async function verify(context: Respond): Promise<Turn> {
  const { journal, operator, runbook, surroundings, signal, onReading } = context;
  const result = await verifyUntil(runbook, surroundings, {
    ...context.verifying,
    signal,
    onReading,
    askQuestion: async (question, check) => {
      const answer = await operator.answer(question, { ...check, check: check.name });
      await journal.append('answered', { check: check.name, question, answer });
      return answer;
    },
  });
  signal?.throwIfAborted();
  await journal.commit((page) => concludeVerification(page, context, result));
  if (result.verified) await releaseLevers(context);
  return null;
}

async function escalate({ journal }: Respond, why: string): Promise<Turn> {
  await journal.move({ kind: 'escalated', why }, { why });
  return { ended: 'escalated', why };
}

async function stop({ journal }: Respond, why: string): Promise<Turn> {
  await journal.append('stopped', { why });
  return { ended: 'stopped', why };
}

async function cancelled({ journal }: Respond): Promise<NonNullable<Turn>> {
  const why = 'it was interrupted';
  await journal.append('stopped', { why });
  return { ended: 'cancelled', why };
}

async function progress({ journal, runbook }: Respond): Promise<StepProgress[]> {
  return progressOf(runbook.steps, await journal.timeline());
}

async function lastVerdict({ journal, runbook }: Respond): Promise<Verdict> {
  const reached = (await journal.timeline()).findLast((event) => event.kind === 'verdict-reached');
  if (reached) return { runbook: runbook.id, ...reached.data };
  return { runbook: runbook.id, verdict: 'inconclusive', why: 'no diagnosis has run', readings: [] };
}

async function summary(context: Respond, { ended, why }: NonNullable<Turn>): Promise<Responded> {
  const events = await context.journal.timeline();
  const diagnosed = events.some((event) => event.kind === 'verdict-reached');
  return {
    incident: context.journal.incident,
    ended,
    why,
    verdict: diagnosed ? await lastVerdict(context) : null,
    verified: events.some((event) => event.kind === 'verified'),
    steps: progressOf(context.runbook.steps, events),
  };
}
