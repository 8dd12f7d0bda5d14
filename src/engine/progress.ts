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
}

export interface StepAttempt {
  readonly step: number;
  readonly title: string;
  readonly block: number;
  readonly attempt: number;
  readonly fence: number;
}

/** The progress of every step of the runbook; events about steps it does not have are passed over. */
export function progressOf(steps: readonly Step[], events: readonly TimelineEvent[]): StepProgress[] {
  const progress = new Map(steps.map((step) => [step.index, pending(step)]));
  const blocks = new Map(steps.map((step) => [step.index, step.blocks.length]));
  for (const event of events) {
    if (!('data' in event) || !('step' in event.data)) continue;
    const before = progress.get(event.data.step);
    if (before) progress.set(before.index, after(before, event, blocks.get(before.index) ?? 0));
  }
  return [...progress.values()];
}

function pending(step: Step): StepProgress {
  return {
    index: step.index,
    title: step.title,
    state: 'pending',
    nextBlock: 0,
    attempt: null,
    byWord: false,
  };
}

function after(before: StepProgress, event: TimelineEvent, blocks: number): StepProgress {
  switch (event.kind) {
    case 'step-skipped':
      return { ...before, state: 'skipped', attempt: null };
    case 'step-reported':
      return { ...before, state: event.data.outcome, attempt: null, byWord: true };
    case 'step-intended':
      return { ...before, state: 'running', attempt: event.data };
    case 'step-ended':
      return { ...before, ...afterBlock(event.data.state, event.data.block, blocks), attempt: event.data };
    case 'step-unknown':
      return { ...before, state: 'unknown', attempt: event.data };
    case 'step-decided':
      return { ...before, ...afterDecision(event.data.decision, event.data.block, blocks), attempt: null };
    case 'step-reopened':
      return { ...before, state: 'pending', nextBlock: 0, attempt: null, byWord: false };
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

function afterDecision(decision: 'done' | 'again' | 'skip', block: number, blocks: number): Change {
  if (decision === 'again') return { state: 'pending', nextBlock: block };
  if (decision === 'skip') return { state: 'skipped' };
  return { ...afterBlock('succeeded', block, blocks), byWord: true };
}
