/** What comes next for an incident: pure, from where it stands. */
import { isOver } from '../incident.ts';
import { fixedSinceLastCheck } from '../progress.ts';
import type { TimelineEvent } from '../timeline.ts';
import type { Plan, PlannedWork } from './plan-model.ts';
import { answersAllow, openQuestions } from './questions.ts';
import type { Standing } from './standing.ts';
import { nextStep, runningStep, type StandingStep } from './standing-step.ts';
import type { Waiting } from './waiting.ts';

const NOTHING: Plan = { work: null, waiting: null };

/**
 * Work, or what it waits for. Neither while a step runs (its worker holds the work), and when it is over.
 * What happens by itself (`nextByItself`) has happened before.
 */
export function plan(at: Standing): Plan {
  if (isOver(at.state) || runningStep(at)) return NOTHING;
  if (at.state.state === 'escalated') {
    return waits(interrupted(at) ?? { kind: 'take-up', why: at.state.why, from: at.state.from });
  }
  if (!at.runbook) return waits({ kind: 'runbook', why: `no runbook is linked to "${at.record.title}"` });
  switch (at.state.state) {
    case 'open':
    case 'diagnosing':
      return works({ kind: 'diagnose' });
    case 'verifying':
      return works({ kind: 'verify' });
    case 'remediating':
      return interrupted(at) ? waits(interrupted(at)!) : planStep(at);
    default:
      return waits(interrupted(at) ?? asked(at) ?? toBegin(at, at.state.state, at.state.why));
  }
}

function works(work: PlannedWork): Plan {
  return { work, waiting: null };
}

function waits(waiting: Waiting): Plan {
  return { work: null, waiting };
}

/** A step that was interrupted, or failed, comes before all else: nobody knows what the system is like. */
function interrupted({ steps }: Standing): Waiting | null {
  const step =
    steps.find(({ state }) => state === 'unknown') ?? steps.find(({ state }) => state === 'failed');
  if (!step?.attempt) return null;
  const { index, title, attempt } = step;
  const about = step.state === 'unknown' ? 'unknown' : 'failed';
  return { kind: 'decision', step: index, title, about, block: attempt.block, attempt: attempt.attempt };
}

function asked(at: Standing): Waiting | null {
  const [first] = openQuestions(at);
  if (!first) return null;
  return { kind: 'answer', check: first.check, question: first.question ?? '', section: first.section };
}

function toBegin(at: Standing, verdict: 'confirmed' | 'inconclusive' | 'ruled-out', why: string): Waiting {
  const next = nextStep(at);
  return {
    kind: 'begin',
    verdict,
    why,
    next: next && { ...approvalOf(next), manual: next.rendered.manual },
  };
}

function planStep(at: Standing): Plan {
  const next = nextStep(at);
  if (!next) return waits(asked(at) ?? proposal(at));
  const { progress, rendered, until } = next;
  if (rendered.manual) return waits({ kind: 'manual', step: progress.index, title: progress.title });
  if (until === null) return waits({ kind: 'approval', ...approvalOf(next) });
  const { index: step, nextBlock: block } = progress;
  return works({ kind: 'step', step, block, hash: rendered.hash, expiresAt: until });
}

function approvalOf({ progress, rendered, have, need }: StandingStep) {
  const { index: step, title, run } = progress;
  return { step, title, risk: rendered.risk, run, have: have.map(({ by }) => by), need };
}

/** After a failed verify: what somebody has proposed since, else the first step that was left out. */
function proposal(at: Standing): Waiting {
  const failed = at.events.findLast((event) => event.kind === 'not-verified');
  const proposed = at.events.findLast(
    (event) => event.kind === 'step-proposed' && event.seq > (failed?.seq ?? 0) && isStep(at, event),
  );
  const why = failed?.data.why ?? 'every step is done or left out';
  if (proposed?.kind === 'step-proposed') {
    const { step, title } = proposed.data;
    return { kind: 'proposal', why, next: { step, title, by: proposed.actor } };
  }
  const skipped = at.steps.find(({ state }) => state === 'skipped');
  return {
    kind: 'proposal',
    why,
    next: skipped ? { step: skipped.index, title: skipped.title, by: null } : null,
  };
}

function isStep({ steps }: Standing, event: TimelineEvent): boolean {
  return event.kind === 'step-proposed' && steps.some(({ index }) => index === event.data.step);
}

/** What happens without a person, before anything is planned. */
export type ByItself =
  | { readonly kind: 'diagnose' }
  | { readonly kind: 'begin' }
  | { readonly kind: 'grant'; readonly step: StandingStep }
  | { readonly kind: 'verify'; readonly why: string }
  | { readonly kind: 'escalate'; readonly why: string };

export function nextByItself(at: Standing): ByItself | null {
  if (!at.runbook || runningStep(at)) return null;
  switch (at.state.state) {
    case 'open':
      return { kind: 'diagnose' };
    case 'confirmed':
      if (at.policy.beginWhenConfirmed && interrupted(at) === null) return { kind: 'begin' };
      return verifyWhenResolved(at);
    case 'inconclusive':
    case 'ruled-out':
    case 'escalated':
      return verifyWhenResolved(at);
    case 'remediating':
      return whileRemediating(at, at.state.round) ?? verifyWhenResolved(at);
    default:
      return null;
  }
}

function whileRemediating(at: Standing, round: number): ByItself | null {
  if (round > at.policy.maxRounds) {
    const failed = at.events.findLast((event) => event.kind === 'not-verified');
    const why = `verify failed ${at.policy.maxRounds} times: ${failed?.data.why ?? ''}`;
    return { kind: 'escalate', why };
  }
  if (interrupted(at)) return null;
  const next = nextStep(at);
  if (next) return mayBegin(next) ? { kind: 'grant', step: next } : null;
  if (fixedSinceLastCheck(at.events)) return { kind: 'verify', why: 'every step is done or left out' };
  return answersAllow(at) ? { kind: 'verify', why: 'what was asked is answered' } : null;
}

/** Enough people have approved it, or none need to. */
function mayBegin({ rendered, until, have, need }: StandingStep): boolean {
  return !rendered.manual && until === null && have.length >= need;
}

/** Alerts that have resolved are evidence, once: verify decides. */
function verifyWhenResolved(at: Standing): ByItself | null {
  if (at.alerts !== 'resolved' || !at.runbook?.checks.some(({ section }) => section === 'verify'))
    return null;
  if (at.steps.some(({ state }) => state === 'unknown')) return null;
  const alert = at.events.findLast(({ kind }) => kind === 'alert')?.seq ?? 0;
  const verified = at.events.findLast(({ kind }) => kind === 'verification-started')?.seq ?? -1;
  if (verified > alert || plan(at).waiting === null) return null;
  return { kind: 'verify', why: 'its alerts have resolved' };
}
