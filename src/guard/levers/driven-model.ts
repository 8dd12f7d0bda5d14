/** What a driven lever shows of itself, what it needs, and how its commands fail. */
import { AllclearError, type Clock } from '../../kernel/index.ts';
import type { Log } from '../log.ts';
import { keyText, type LeverKey } from '../policy/lever-key.ts';
import type { LeverState } from '../policy/lever-model.ts';
import type { CommandEnd, RunCommand } from './driver.ts';

/** What a driven lever's commands do, and what they found. */
export interface DrivenState {
  readonly state: 'settled' | 'setting' | 'unknown' | 'returning' | 'overdue';
  /** What `read` said last, and when (epoch ms). */
  readonly reads: { readonly value: string; readonly at: number } | null;
  /** The last command that failed, in words; null once one of the kind has succeeded. */
  readonly failure: string | null;
}

export interface DrivenLeverState extends LeverState {
  readonly driven: DrivenState;
}

/** What driven levers share. */
export interface DrivenPort {
  readonly clock: Clock;
  readonly log: Log;
  readonly run: RunCommand;
  /** Aborts when the guard stops. */
  readonly signal: AbortSignal;
  /** Resolves once what is held now is on the disk. */
  keep(): Promise<void>;
}

/** The command ended with another code than 0. */
export function failed(key: LeverKey, end: CommandEnd): AllclearError {
  return new AllclearError('E_LEVER_FAILED', {
    what: `${keyText(key)} is as it was: its command failed (${end.why})`,
    next: 'Run the command that is configured for it by hand, to see what it says.',
  });
}

/**
 * The command was killed, for its time or from outside.
 * @param reads what was read after that, if it could be
 */
export function unknown(key: LeverKey, end: CommandEnd, reads: DrivenState['reads']): AllclearError {
  const now = reads === null ? '' : `; it reads ${reads.value} now`;
  return new AllclearError('E_LEVER_UNKNOWN', {
    what: `it is unknown whether ${keyText(key)} was set: its command was stopped (${end.why})${now}`,
    next: 'Look with `allclear lever`; it counts as held, and is given back at the end of its time.',
  });
}

/** A `reset` that did not succeed. */
export function notReturned(key: LeverKey, why: string): AllclearError {
  return new AllclearError('E_LEVER_FAILED', {
    what: `${keyText(key)} could not be given back: ${why}`,
    next: 'It is tried again until it succeeds; `allclear lever` shows it as overdue until then.',
  });
}
