/** What people say about steps. */
import { AllclearError } from '../../kernel/index.ts';
import type { ActionBody } from '../actions.ts';
import { recordStep } from '../freshness.ts';
import { samePerson } from '../progress.ts';
import { recordDecision } from '../remediate.ts';
import { type Act, beginRemediation, named, refusal, requireIdle, requireOpen, requireTurn } from './act.ts';
import { type StandingStep, standingStep } from './standing-step.ts';

/** One person's word. As soon as there are enough, the plan makes the step work. */
export async function approve(act: Act, { step: index, hash }: ActionBody<'approve'>): Promise<void> {
  const { page, at, actor } = act;
  requireOpen(act);
  const step = standingStep(at, index);
  requireFit(act, step, hash);
  requireWanted(act, step);
  requireTurn(act, step);
  await beginRemediation(act);
  await page.append('step-approval', {
    ...named(step),
    run: step.progress.run,
    hash,
    role: actor.role,
    expiresAt: at.now + at.policy.approvalSeconds * 1000,
  });
}

/** @throws `E_APPROVAL_STALE` for another rendering, another run, another step, or the same word once more */
function requireFit({ actor }: Act, { rendered, approvalHash, have }: StandingStep, hash: string): void {
  const what = `step ${rendered.index} "${rendered.title}"`;
  if (rendered.manual) throw refusal(`${what} has nothing that could run`, 'Carry it out and report it.');
  if (hash !== approvalHash) {
    throw new AllclearError('E_APPROVAL_STALE', {
      what: `this approval does not fit ${what} as it is now: it was for another step, another run of it, or it has changed`,
      next: 'Look at the step again and approve it as it is now.',
    });
  }
  if (have.some(({ by }) => samePerson(by, actor.name))) {
    throw new AllclearError('E_APPROVAL_STALE', {
      what: `${actor.name} has approved this run of ${what} already, and counts once`,
      next: 'If more approvals are needed, another person must give them.',
    });
  }
}

/** @throws `E_TRANSITION` when the step needs no further word */
function requireWanted({ at }: Act, { progress, until, have }: StandingStep): void {
  const what = `step ${progress.index} "${progress.title}"`;
  switch (progress.state) {
    case 'pending': {
      if (until === null) return;
      const whose = have.length === 0 ? '' : `, of ${have.map(({ by }) => by).join(' and ')}`;
      throw refusal(`${what} has the approvals it needs${whose}`, 'It begins as soon as a worker takes it.');
    }
    case 'running':
      throw refusal(`${what} is running: it had the approvals it needed`, 'Nothing is left to approve.');
    case 'failed':
    case 'unknown':
      throw refusal(`${what} is ${progress.state}`, 'Decide first: done, again or skip.');
    default:
      throw refusal(`${what} is ${progress.state}`, `Reopen it to run it again in incident ${at.record.id}.`);
  }
}

/** One's own word, as long as the step has not begun. */
export async function withdraw(act: Act, { step: index }: ActionBody<'withdraw'>): Promise<void> {
  const { page, at, actor } = act;
  requireOpen(act);
  const step = standingStep(at, index);
  const { progress } = step;
  if (!progress.approvals.some(({ by }) => samePerson(by, actor.name))) {
    throw new AllclearError('E_NOT_FOUND', {
      what: `${actor.name} has not approved this run of step ${index}`,
      next: 'Only your own approvals can be taken back; the incident shows who has approved what.',
    });
  }
  if (progress.state !== 'pending' || progress.nextBlock > 0) {
    throw refusal(`step ${index} has begun`, 'An approval can be taken back only before that.');
  }
  await page.append('step-approval-withdrawn', { ...named(step), run: progress.run });
}

export async function skip(act: Act, { step: index, why }: ActionBody<'skip'>): Promise<void> {
  requireOpen(act);
  const step = standingStep(act.at, index);
  const { state } = step.progress;
  if (state === 'running') requireIdle(act);
  if (state === 'failed' || state === 'unknown') {
    throw refusal(`step ${index} is ${state}`, 'Decide about it: done, again or skip.');
  }
  if (state !== 'pending') throw refusal(`step ${index} is ${state} already`, 'There is nothing to skip.');
  await beginRemediation(act);
  await act.page.append('step-skipped', { ...named(step), why: act.clean(why) });
}

export async function decide(act: Act, { step: index, decision, why }: ActionBody<'decide'>): Promise<void> {
  requireOpen(act);
  const { progress } = standingStep(act.at, index);
  if (!progress.attempt || (progress.state !== 'failed' && progress.state !== 'unknown')) {
    throw refusal(
      `step ${index} is ${progress.state}`,
      'Only a step that failed or was interrupted is decided about.',
    );
  }
  const attempt = { ...progress.attempt, title: progress.title };
  await recordDecision(act.page, attempt, { decision, why: why === undefined ? why : act.clean(why) });
}

/** A step that was done or left out is to be done again: a new run, with new approvals. */
export async function reopen(act: Act, { step: index, why }: ActionBody<'reopen'>): Promise<void> {
  const { at } = act;
  requireOpen(act);
  const step = standingStep(at, index);
  const { state } = step.progress;
  if (at.state.state === 'diagnosing' || at.state.state === 'verifying') {
    throw refusal(`this incident is ${at.state.state}`, 'Wait for what comes of it.');
  }
  if (state !== 'done' && state !== 'skipped') {
    throw refusal(`step ${index} is ${state}`, 'Only a step that is done or skipped is reopened.');
  }
  await act.page.append('step-reopened', { ...named(step), why: act.clean(why) });
}

/** A manual step: what the person did. */
export async function report(act: Act, { step: index, outcome, note }: ActionBody<'report'>): Promise<void> {
  const { page, at, desk } = act;
  requireOpen(act);
  const step = standingStep(at, index);
  if (!step.rendered.manual) {
    throw refusal(`step ${index} has commands`, 'Approve it; what was run by hand is recorded as ad-hoc.');
  }
  if (step.progress.state !== 'pending') {
    throw refusal(`step ${index} is ${step.progress.state} already`, 'Reopen it to do it again.');
  }
  requireTurn(act, step);
  await beginRemediation(act);
  await page.append('step-reported', { ...named(step), outcome, note: act.clean(note) });
  const about = { runbook: at.runbook!, surroundings: { clock: desk.clock } };
  recordStep(page, about, index, outcome === 'done' ? 'reported-done' : 'skipped');
}

/** Anybody's suggestion: it changes nothing but what is shown. */
export async function propose(act: Act, { step: index, why }: ActionBody<'propose'>): Promise<void> {
  requireOpen(act);
  const step = standingStep(act.at, index);
  await act.page.append('step-proposed', { ...named(step), why: act.clean(why) });
}
