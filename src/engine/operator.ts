import type { Reading, Verdict } from './model.ts';
import type { StepAttempt, StepProgress } from './progress.ts';
import type { Approval, RenderedStep } from './rendered-step.ts';
import type { Answer } from './verify.ts';

/**
 * Whoever is asked: a person at a prompt, a policy, a drill. Every answer becomes an event. An
 * operator that cannot answer throws `E_APPROVAL_NEEDED`; the incident can then be taken up again.
 */
export interface Operator {
  /** The verdict is not `confirmed`: go on anyway? Also asked when it is, so that one can stop. */
  proceed(verdict: Verdict): Promise<'proceed' | 'stop' | 'escalate'>;
  /** May this very step run? */
  approve(step: RenderedStep): Promise<ApprovalAnswer>;
  /** A manual step: tells what to do, and waits until the person has done it. */
  reportManual(step: RenderedStep): Promise<{ outcome: 'done' | 'skipped' | 'aborted'; note: string }>;
  /** An interrupted step: did it take effect? */
  decideUnknown(attempt: StepAttempt): Promise<'done' | 'again' | 'skip'>;
  /** A step failed: run it again, skip it, or stop here? */
  decideFailed(step: RenderedStep, failure: StepFailure): Promise<'again' | 'skip' | 'abort'>;
  /** An expectation that no output can be bound to: does it hold? `unknown`: the person cannot tell either. */
  answer(question: string, about: Pick<Reading, 'check' | 'label' | 'section'>): Promise<Answer>;
  /** Verified before the last step: stop here? Only asked when verifying after each step. */
  stopEarly(after: RenderedStep, remaining: number): Promise<boolean>;
  /** Verify failed. `proposal` is the step to try next; null: all have been done. */
  afterFailedVerify(
    why: string,
    proposal: Pick<StepProgress, 'index' | 'title'> | null,
  ): Promise<NextAfterFailure>;
}

export type ApprovalAnswer =
  | { readonly decision: 'approved'; readonly by: readonly string[]; readonly how: Approval['how'] }
  | { readonly decision: 'skipped'; readonly why: string }
  | { readonly decision: 'aborted'; readonly why: string };

export interface StepFailure {
  readonly state: 'failed' | 'timed-out' | 'cancelled';
  readonly exit: number | null;
  /** Redacted, bounded. */
  readonly output: string;
}

export type NextAfterFailure =
  | { readonly action: 'step'; readonly step: number }
  | { readonly action: 'verify' }
  | { readonly action: 'escalate'; readonly why: string }
  | { readonly action: 'stop'; readonly why: string };
