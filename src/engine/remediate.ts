/** Carries out a runbook's steps in order: asks, runs, records; stops where a person says so. */
import { AllclearError } from '../kernel/index.ts';
import type { Step } from '../runbook/index.ts';
import { type AttemptDecision, decideAttempt, isLive, listAttempts, type Reader } from '../store/index.ts';
import { recordStep } from './freshness.ts';
import type { Page } from './journal.ts';
import type { StepFailure } from './operator.ts';
import { progressOf, type StepAttempt, type StepProgress } from './progress.ts';
import { type Approval, type RenderedStep, renderStep } from './rendered-step.ts';
import type { Respond, Turn } from './response.ts';
import { type BlockRun, runBlock, sweepLeases } from './step.ts';
import { verifyOnce } from './verify.ts';

/**
 * Waits for a step that another program may still be running, and gives it up when its lease ends.
 * @throws `E_STEP_BUSY` when that program is alive
 */
export async function settleInterrupted({ journal, surroundings, signal }: Respond): Promise<void> {
  const { store, incident, actor } = journal;
  await sweepLeases(store, actor);
  const live = (await listAttempts(store.db, incident)).find((attempt) => isLive(attempt.state));
  if (!live) return;
  await surroundings.clock.sleep(Math.max(0, live.leaseUntil - store.now()) + 1, signal);
  await sweepLeases(store, actor);
  const still = (await listAttempts(store.db, incident)).find((attempt) => isLive(attempt.state));
  if (!still) return;
  throw new AllclearError('E_STEP_BUSY', {
    what: `step ${still.step} of incident ${incident} is being run by ${still.worker}`,
    next: `Follow it with \`allclear incidents show ${incident}\`, or stop that program.`,
  });
}

/**
 * @returns null when no step is left to carry out
 * @throws what the signal aborts with: an interruption is not the end of the steps
 */
export async function carryOutSteps(context: Respond): Promise<Turn> {
  for (;;) {
    context.signal?.throwIfAborted();
    const steps = await progress(context);
    const next = steps.find((step) => step.state !== 'done' && step.state !== 'skipped');
    if (!next) return null;
    const step = context.runbook.steps.find((known) => known.index === next.index)!;
    const turn = await carryOut(context, renderStep(step, context.surroundings), step, next);
    if (turn) return turn;
    await offerToStop(context, step);
  }
}

async function carryOut(context: Respond, step: RenderedStep, source: Step, at: StepProgress): Promise<Turn> {
  switch (at.state) {
    case 'running':
      // Only a program that died within this very lease leaves this; the sweep settles it.
      await settleInterrupted(context);
      return null;
    case 'unknown':
      return at.attempt ? decideUnknown(context, { ...at.attempt, title: step.title }) : null;
    case 'failed':
      return at.attempt ? decideFailed(context, step, at.attempt) : null;
    default:
      return source.manual ? doByHand(context, step) : run(context, step, at.nextBlock);
  }
}

async function doByHand(context: Respond, step: RenderedStep): Promise<Turn> {
  const { journal, operator } = context;
  const { outcome, note } = await operator.reportManual(step);
  if (outcome === 'aborted') return stopped(context, note);
  await journal.commit(async (page) => {
    await page.append('step-reported', { step: step.index, title: step.title, outcome, note });
    recordStep(page, context, step.index, outcome === 'done' ? 'reported-done' : 'skipped');
  });
  return null;
}

async function run(context: Respond, step: RenderedStep, firstBlock: number): Promise<Turn> {
  const approval = await approve(context, step);
  if ('ended' in approval) return approval;
  if (approval.approval === null) return null;
  for (let block = firstBlock; block < step.blocks.length; block++) {
    const recordEnd: BlockRun['recordEnd'] = (page, state) => recordStep(page, context, step.index, state);
    const end = await runBlock({ ...context, step, block, approval: approval.approval, recordEnd });
    if (end.state !== 'succeeded') return null;
  }
  return null;
}

/** An approval, null when the step was skipped, or how the flow ends. */
async function approve(
  context: Respond,
  step: RenderedStep,
): Promise<{ approval: Approval | null } | NonNullable<Turn>> {
  const { journal, operator, policy, approvals } = context;
  const earlier = approvals?.get(step.index);
  if (earlier && earlier.hash === step.hash && journal.store.now() < earlier.expiresAt)
    return { approval: earlier };
  const answer = policy.runAlone.includes(step.risk)
    ? ({ decision: 'approved', by: [], how: 'policy' } as const)
    : await operator.approve(step);
  const named = { step: step.index, title: step.title };
  switch (answer.decision) {
    case 'aborted':
      return stopped(context, answer.why);
    case 'skipped':
      await journal.append('step-skipped', { ...named, why: answer.why });
      return { approval: null };
    case 'approved': {
      const { by, how } = answer;
      if (how === 'person') requireApprovers(context, step, by);
      await journal.append('step-approved', { ...named, hash: step.hash, by: [...by], how });
      const expiresAt = journal.store.now() + policy.approvalSeconds * 1000;
      const approval = { hash: step.hash, by, how, expiresAt };
      approvals?.set(step.index, approval);
      return { approval };
    }
  }
}

function requireApprovers({ policy }: Respond, step: RenderedStep, by: readonly string[]): void {
  const people = new Set(by.map((name) => name.trim().toLowerCase()).filter((name) => name !== '')).size;
  const needed = policy.approvers[step.risk];
  if (people >= needed) return;
  throw new AllclearError('E_APPROVAL_NEEDED', {
    what: `step ${step.index} "${step.title}" is ${step.risk}: ${needed} different people must approve it, ${people} did`,
    next: 'Have another person approve it.',
  });
}

async function decideUnknown(context: Respond, attempt: StepAttempt): Promise<Turn> {
  const decision = await context.operator.decideUnknown(attempt);
  return decide(context, attempt, decision);
}

async function decideFailed(context: Respond, step: RenderedStep, attempt: StepAttempt): Promise<Turn> {
  const decision = await context.operator.decideFailed(step, await failureOf(context, attempt));
  if (decision === 'abort') return stopped(context, `step ${step.index} failed`);
  return decide(context, attempt, decision);
}

async function decide(context: Respond, attempt: StepAttempt, decision: AttemptDecision): Promise<Turn> {
  await context.journal.commit((page) => recordDecision(page, attempt, { decision }));
  return null;
}

/**
 * What a person decides about an attempt that was interrupted, or failed.
 * @throws `E_TRANSITION` when somebody was faster
 */
export async function recordDecision(
  page: Page,
  attempt: StepAttempt,
  { decision, why }: { decision: AttemptDecision; why?: string | undefined },
): Promise<void> {
  const stored = await findAttempt(page.tx, page.incident, attempt);
  const by = { decision, by: page.actor, at: page.at };
  if (!(await decideAttempt(page.tx, stored.id, by))) throw decidedBefore(attempt);
  const { step, title, block, attempt: number, fence } = attempt;
  const data = { step, title, block, attempt: number, fence, decision };
  await page.append('step-decided', why === undefined ? data : { ...data, why });
}

function decidedBefore({ step }: StepAttempt): AllclearError {
  return new AllclearError('E_TRANSITION', {
    what: `somebody else has just decided about step ${step}`,
    next: 'Take the incident up again to see where it stands.',
  });
}

async function failureOf(context: Respond, attempt: StepAttempt): Promise<StepFailure> {
  const { store, incident } = context.journal;
  const { state, exit, output } = await findAttempt(store.db, incident, attempt);
  const known = state === 'timed-out' || state === 'cancelled' ? state : 'failed';
  return { state: known, exit, output: output ?? '' };
}

async function findAttempt(db: Reader, incident: string, wanted: StepAttempt) {
  const attempts = await listAttempts(db, incident);
  const found = attempts.find(
    ({ step, block, attempt }) =>
      step === wanted.step && block === wanted.block && attempt === wanted.attempt,
  );
  if (found) return found;
  throw new AllclearError('E_SNAPSHOT', {
    what: `attempt ${wanted.attempt} at step ${wanted.step} of incident ${incident} is not in the store`,
  });
}

/** Verify after each step, where the policy says so: what is healthy already needs no further steps. */
async function offerToStop(context: Respond, step: Step): Promise<void> {
  const { policy, runbook, surroundings, signal, operator, journal } = context;
  if (!policy.verifyAfterEachStep) return;
  const steps = await progress(context);
  if (steps.find((known) => known.index === step.index)?.state !== 'done') return;
  const left = steps.filter((known) => known.state === 'pending');
  if (left.length === 0) return;
  const { verified } = await verifyOnce(runbook, surroundings, { signal });
  if (!verified || signal?.aborted) return;
  if (!(await operator.stopEarly(renderStep(step, surroundings), left.length))) return;
  const why = `verified after step ${step.index}, not needed`;
  await journal.commit(async (page) => {
    for (const { index, title } of left) await page.append('step-skipped', { step: index, title, why });
  });
}

async function progress({ journal, runbook }: Respond): Promise<StepProgress[]> {
  return progressOf(runbook.steps, await journal.timeline());
}

async function stopped({ journal }: Respond, why: string): Promise<NonNullable<Turn>> {
  await journal.append('stopped', { why });
  return { ended: 'stopped', why };
}
