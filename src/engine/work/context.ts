/**
 * What the parts of a worker share.
 *
 * - **work**: the one thing an incident waits to be done; a row of the store's queue.
 * - **job**: work that this worker has taken, under a lease and a fence number.
 * - **outcome**: what came of a job, on its way into the store.
 */
import type { Clock, Log } from '../../kernel/index.ts';
import type { AttemptRecord, Store } from '../../store/index.ts';
import type { BlockResult } from '../block.ts';
import type { Levers } from '../ports.ts';
import type { Lease } from '../step.ts';
import type { VerifyUntilOptions } from '../verify.ts';
import type { Case, Diagnose, Execute, PlanNext, Report, Surround } from './ports.ts';

export interface WorkerContext {
  readonly store: Store;
  /** For waiting; what several processes compare comes from `store.now()`. */
  readonly clock: Clock;
  /** `host:pid:random`: names it in leases, and as the actor of events. */
  readonly name: string;
  readonly version: string;
  /** Names of sites it takes work for; null: any. */
  readonly sites: readonly string[] | null;
  /** How many jobs at once. */
  readonly concurrency: number;
  readonly lease: Lease;
  readonly surround: Surround;
  readonly planNext: PlanNext;
  readonly diagnose: Diagnose;
  /** Null: no guard is there whose levers could be held. */
  readonly levers: Levers | null;
  /** Default `runShell`. */
  readonly execute?: Execute | undefined;
  /** How patiently to verify. */
  readonly verifying?: Pick<VerifyUntilOptions, 'within' | 'pollSeconds'> | undefined;
  readonly log: Log;
}

export interface StepJob {
  readonly kind: 'step';
  readonly about: Case;
  readonly attempt: AttemptRecord;
}

/** Work that changes nothing, and is done again when nobody reports. */
export interface CheckJob {
  readonly kind: 'diagnose' | 'verify';
  readonly about: Case;
  readonly fence: number;
}

export type Job = StepJob | CheckJob;

export type Outcome =
  | { readonly job: StepJob; readonly result: BlockResult }
  /** `report` null: it was stopped, and goes back to the queue. */
  | { readonly job: CheckJob; readonly report: Report | null };
