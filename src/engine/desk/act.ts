/** What an action works with, and what several of them do. */
import { AllclearError } from '../../kernel/index.ts';
import type { Actor } from '../actor.ts';
import { isOver } from '../incident.ts';
import type { Page } from '../journal.ts';
import type { Desk } from './desk.ts';
import type { Standing } from './standing.ts';
import { nextStep, runningStep, type StandingStep } from './standing-step.ts';

export interface Act {
  readonly desk: Desk;
  readonly page: Page;
  /** As it was before. */
  readonly at: Standing;
  readonly actor: Actor;
  /** Takes secrets out of what people write. */
  readonly clean: (text: string) => string;
}

/**
 * Takes the incident up, unless it is: a verdict, or an incident that was handed over, becomes remediation.
 * @throws `E_TRANSITION` while it is diagnosed or verified, and when it is over
 */
export async function beginRemediation({ page, at }: Act): Promise<void> {
  const { state } = at.state;
  if (state === 'remediating') return;
  const why = state === 'escalated' ? 'the incident is taken up' : `the verdict was ${state}`;
  await page.append('decided', { decision: 'proceed', why });
  await page.move({ kind: 'remediation-started' }, {});
}

/** @throws `E_STEP_BUSY` while a step of the incident runs */
export function requireIdle({ at }: Act): void {
  const running = runningStep(at);
  if (!running) return;
  throw new AllclearError('E_STEP_BUSY', {
    what: `step ${running.index} "${running.title}" of this incident is running`,
    next: 'Wait until it ends; it is shown as it is.',
  });
}

/** @throws `E_TRANSITION` when the incident is resolved or closed */
export function requireOpen({ at }: Act): void {
  if (!isOver(at.state)) return;
  throw refusal(`this incident is ${at.state.state}`, 'A new alert opens a new one.');
}

/** @throws `E_TRANSITION` unless it is the step whose turn it is */
export function requireTurn({ at }: Act, step: StandingStep): void {
  const next = nextStep(at);
  if (!next || next.progress.index === step.progress.index) return;
  const { index, title } = next.progress;
  throw refusal(
    `it is not the turn of step ${step.progress.index}: step ${index} "${title}" comes first`,
    `Carry out step ${index}, or skip it and say why.`,
  );
}

export function refusal(what: string, next: string): AllclearError {
  return new AllclearError('E_TRANSITION', { what, next });
}

/** A step as events name it. */
export function named({ progress }: StandingStep): { step: number; title: string } {
  return { step: progress.index, title: progress.title };
}
