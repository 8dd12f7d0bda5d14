import type { Step } from '../runbook/index.ts';
import type { AttemptOutcome } from '../store/index.ts';
import type { TimelineEvent } from './timeline.ts';

/** How far a step has come, read from the time line. */
export interface StepProgress {
  readonly index: number;
  readonly title: string;
  /**
   * - `pending`: nothing has happened, or it is to be run again
   * - `running`: an intent without an outcome, under a lease that has not ended
   * - `unknown`: interrupted; nobody has decided about it yet
   * - `done`: all blocks succeeded, or a person says it is done
   */
  readonly state: 'pending' | 'running' | 'done' | 'skipped' | 'failed' | 'unknown';
  /** The block to go on with, from 0. */
  readonly nextBlock: number;
  /** The attempt that `unknown` is about. */
  readonly attempt: StepAttempt | null;
  /** True when a person's word, and no exit code, says how it ended. */
  readonly byWord: boolean;
  /**
   * The how-manieth run it is, from 1: grows with every decision to run it again, and whenever the incident goes
   * on with another runbook. Never the same twice, so that an approval fits one run only.
   */
  readonly run: number;
  /** Approvals of this run that were not taken back; some may have expired. */
  readonly approvals: readonly GivenApproval[];
  /** Somebody, or the policy, has said that this run may begin. */
  readonly granted: Granted | null;
  /** When the last block of this run succeeded, while others are left; epoch ms. */
  readonly continuedAt: number | null;
}

/** One person's word for one run of a step. */
export interface GivenApproval {
  readonly by: string;
  readonly role: string;
  /** See `approvalHash`. */
  readonly hash: string;
  /** Epoch ms. */
  readonly at: number;
  readonly expiresAt: number;
}

export interface Granted {
  /** The hash of the rendered step. */
  readonly hash: string;
  readonly by: readonly string[];
  readonly how: 'person' | 'policy' | 'option';
  /** Epoch ms; null: not known to the time line. */
  readonly expiresAt: number | null;
}

export interface StepAttempt {
  readonly step: number;
  readonly title: string;
  readonly block: number;
  readonly attempt: number;
  readonly fence: number;
}

/** Of a step, what its progress depends on. */
type Counted = Pick<Step, 'index' | 'title'> & { readonly blocks: readonly unknown[] };

/** The progress of every step of the runbook; events about steps it does not have are passed over. */
export function progressOf(steps: readonly Counted[], events: readonly TimelineEvent[]): StepProgress[] {
  const progress = new Map(steps.map((step) => [step.index, pending(step)]));
  const blocks = new Map(steps.map((step) => [step.index, step.blocks.length]));
  for (const event of events) {
    if (endsApprovals(event)) for (const [index, before] of progress) progress.set(index, unapproved(before));
    if (event.kind === 'runbook-adopted')
      for (const [index, before] of progress) progress.set(index, newRun(before));
    if (!('step' in event.data)) continue;
    const before = progress.get(event.data.step);
    if (before) progress.set(before.index, after(before, event, blocks.get(before.index) ?? 0));
  }
  return [...progress.values()];
}

function pending(step: Counted): StepProgress {
  return {
    index: step.index,
    title: step.title,
    state: 'pending',
    nextBlock: 0,
    attempt: null,
    byWord: false,
    run: 1,
    approvals: [],
    granted: null,
    continuedAt: null,
  };
}

/** Approvals are given on a verdict and by those who work on the incident: they end with either. */
function endsApprovals({ kind }: TimelineEvent): boolean {
  return kind === 'diagnosis-started' || kind === 'runbook-adopted' || kind === 'escalated';
}

function unapproved(before: StepProgress): StepProgress {
  return { ...before, approvals: [], granted: null, continuedAt: null };
}

/** The step from its beginning, as if for the first time. */
function newRun(before: StepProgress): StepProgress {
  const run = before.run + 1;
  return { ...unapproved(before), run, state: 'pending', nextBlock: 0, attempt: null, byWord: false };
}

function after(before: StepProgress, event: TimelineEvent, blocks: number): StepProgress {
  switch (event.kind) {
    case 'step-skipped':
      return { ...before, state: 'skipped', attempt: null };
    case 'step-reported':
      return { ...before, state: event.data.outcome, attempt: null, byWord: true };
    case 'step-intended':
      return { ...before, state: 'running', attempt: event.data };
    case 'step-ended': {
      const change = afterBlock(event.data.state, event.data.block, blocks);
      const continuedAt = change.state === 'pending' ? event.at : null;
      return { ...before, ...change, continuedAt, attempt: event.data };
    }
    case 'step-unknown':
      return { ...before, state: 'unknown', attempt: event.data };
    case 'step-decided':
      return { ...afterDecision(before, event.data.decision, event.data.block, blocks), attempt: null };
    case 'step-reopened':
      return newRun(before);
    case 'step-approval':
      return { ...before, approvals: [...withoutApproval(before, event.actor), given(event)] };
    case 'step-approval-withdrawn':
      return { ...before, approvals: withoutApproval(before, event.actor), granted: null };
    case 'step-approved': {
      const { hash, by, how, expiresAt = null } = event.data;
      return { ...before, granted: { hash, by, how, expiresAt } };
    }
    default:
      return before;
  }
}

type Change = Partial<StepProgress> & Pick<StepProgress, 'state'>;

function afterBlock(outcome: AttemptOutcome, block: number, blocks: number): Change {
  if (outcome !== 'succeeded') return { state: 'failed', nextBlock: block };
  const nextBlock = block + 1;
  return { state: nextBlock >= blocks ? 'done' : 'pending', nextBlock };
}

function afterDecision(
  before: StepProgress,
  decision: 'done' | 'again' | 'skip',
  block: number,
  blocks: number,
): StepProgress {
  // What succeeded before this block is not run again.
  if (decision === 'again') return { ...newRun(before), nextBlock: block };
  if (decision === 'skip') return { ...before, state: 'skipped' };
  return { ...before, ...afterBlock('succeeded', block, blocks), byWord: true };
}

function given(event: Extract<TimelineEvent, { kind: 'step-approval' }>): GivenApproval {
  const { role, hash, expiresAt } = event.data;
  return { by: event.actor, role, hash, at: event.at, expiresAt };
}

function withoutApproval({ approvals }: StepProgress, by: string): readonly GivenApproval[] {
  return approvals.filter((approval) => !samePerson(approval.by, by));
}

/** Two names are one person's, however they are written. */
export function samePerson(one: string, other: string): boolean {
  return personOf(one) === personOf(other);
}

export function personOf(name: string): string {
  return name.trim().toLowerCase();
}

/** True when a step was carried out after the last failed verify, or none has failed yet. */
export function fixedSinceLastCheck(events: readonly TimelineEvent[]): boolean {
  const failed = events.findLastIndex((event) => event.kind === 'not-verified');
  return failed === -1 || events.slice(failed).some(carriesOut);
}

function carriesOut({ kind }: TimelineEvent): boolean {
  return kind === 'step-ended' || kind === 'step-reported' || kind === 'step-decided';
}
