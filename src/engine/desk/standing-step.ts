/** One step of an incident: as it would run, and how near it is to running. */
import { AllclearError } from '../../kernel/index.ts';
import type { GivenApproval, StepProgress } from '../progress.ts';
import { type RenderedStep, renderStep } from '../rendered-step.ts';
import { approvalHash, grantedUntil, standingApprovals } from './approvals.ts';
import type { Standing } from './standing.ts';

export interface StandingStep {
  readonly progress: StepProgress;
  readonly rendered: RenderedStep;
  /** What an approval of this run must name. */
  readonly approvalHash: string;
  /** Approvals that count now, one for each person. */
  readonly have: readonly GivenApproval[];
  /** How many different people must approve it; 0 when the policy lets it run alone, or nothing is to approve. */
  readonly need: number;
  /** Epoch ms until which it may begin, or go on; null when it may not. */
  readonly until: number | null;
}

/** @throws `E_NOT_FOUND` */
export function standingStep(at: Standing, index: number): StandingStep {
  const step = at.runbook?.steps.find((known) => known.index === index);
  const progress = at.steps.find((known) => known.index === index);
  if (!step || !progress) {
    const count = at.steps.length;
    throw new AllclearError('E_NOT_FOUND', {
      what: `the runbook of incident ${at.record.id} has no step ${index}`,
      next: count === 0 ? 'It has none.' : `It has ${count}, from 1.`,
    });
  }
  const rendered = renderStep(step, at);
  const hash = approvalHash(at.record.id, rendered, progress.run);
  const until = grantedUntil(progress, rendered, at.policy.approvalSeconds);
  return {
    progress,
    rendered,
    approvalHash: hash,
    have: standingApprovals(progress, hash, at.now),
    need: rendered.manual || runsAlone(at, rendered) ? 0 : at.policy.approvers[rendered.risk],
    until: until !== null && at.now < until ? until : null,
  };
}

/** The first step that is neither done nor left out. */
export function nextStep(at: Standing): StandingStep | null {
  const next = at.steps.find(({ state }) => state !== 'done' && state !== 'skipped');
  return next ? standingStep(at, next.index) : null;
}

export function runningStep({ steps }: Pick<Standing, 'steps'>): StepProgress | null {
  return steps.find(({ state }) => state === 'running') ?? null;
}

/** The policy lets it run by itself: only ever while the verdict is that the problem is there. */
function runsAlone(at: Standing, step: RenderedStep): boolean {
  return at.policy.runAlone.includes(step.risk) && lastVerdict(at) === 'confirmed';
}

function lastVerdict({ events }: Standing): string | null {
  const last = events.findLast(({ kind }) => kind === 'verdict-reached' || kind === 'diagnosis-started');
  return last?.kind === 'verdict-reached' ? last.data.verdict : null;
}
