/**
 * The desk: where people, programs and workers change the incidents of the service.
 *
 * - **case**: one incident as a transaction sees it, with its runbook, the progress of its steps and its policy.
 * - **plan**: what comes next for a case: *work* for a worker, or what it is *waiting* for people to do.
 * - **action**: what a person, an agent or a program does to an incident (`../actions.ts`).
 * - **outcome**: what a worker reports.
 *
 * State lives in the store. Every action and every outcome is one transaction: it changes the incident, and the plan
 * that follows is written with it. So nothing is remembered anywhere else, and any process may die at any time.
 */
import type { Clock } from '../../kernel/index.ts';
import type { Runbook } from '../../runbook/index.ts';
import type { Store } from '../../store/index.ts';
import type { OnChange } from '../change.ts';
import type { Policies } from './policies.ts';

export interface Desk {
  readonly store: Store;
  /** For ids; what several processes compare comes from `store.now()`. */
  readonly clock: Clock;
  readonly library: Library;
  readonly policies: Policies;
  /** Values of runbooks' parameters, by name; over the defaults of their front matter. */
  readonly params: Readonly<Record<string, string>>;
  /** Values that must never be stored or shown. */
  readonly secrets: readonly string[];
  /** Called last in every transaction that changes an incident. */
  readonly onChange?: OnChange;
}

/** The runbooks the service works with, as they are now. */
export interface Library {
  list(): readonly Runbook[];
}

/** Who is named for what happens by itself. */
export const ITSELF = 'allclear';
