/**
 * One block of a step, run at most once.
 *
 * The intent is durable before the command starts; while it runs the lease is renewed; the outcome is
 * committed only if the fence is still ours. Whoever finds a lease that has ended gives the attempt
 * up as `unknown`, and a person decides. Nothing is ever run again by itself.
 */
import { AllclearError, newId } from '../kernel/index.ts';
import {
  type AttemptOutcome,
  type AttemptRecord,
  appendEvent,
  finishAttempt,
  hasExpired,
  insertIntent,
  lastEvent,
  listEvents,
  renewLease,
  type Store,
  setNext,
  sweepExpired,
} from '../store/index.ts';
import { type BlockResult, executeBlock, neverStarted } from './block.ts';
import type { Waiting } from './desk/waiting.ts';
import type { Journal, Page } from './journal.ts';
import type { ShellRequest, Surroundings } from './model.ts';
import { progressOf } from './progress.ts';
import { type Approval, type RenderedStep, requireApproval } from './rendered-step.ts';
import { type EventData, readTimeline } from './timeline.ts';

export interface Lease {
  /** Milliseconds after which a silent worker is given up. Default 5,000. */
  readonly ms: number;
  /** Milliseconds between renewals; at most a third of `ms`. Default 1,500. */
  readonly renewMs: number;
}

export const DEFAULT_LEASE: Lease = { ms: 5_000, renewMs: 1_500 };

export interface BlockRun {
  readonly journal: Journal;
  readonly step: RenderedStep;
  /** The block's place in the step, from 0. */
  readonly block: number;
  readonly approval: Approval;
  readonly surroundings: Surroundings;
  /** Names this program in messages: `host:pid`. */
  readonly worker: string;
  readonly lease?: Lease;
  readonly signal?: AbortSignal;
  readonly onOutput?: ShellRequest['onOutput'];
  /** Writes more into the transaction that commits the outcome. */
  readonly recordEnd?: (page: Page, state: AttemptOutcome) => void;
}

export interface BlockEnd extends BlockResult {
  readonly attempt: number;
}

/**
 * Runs one block of an approved step.
 * @throws `E_APPROVAL_STALE`; `E_STEP_BUSY` and `E_STEP_UNDECIDED` before anything has run;
 *   `E_STEP_LATE` when the attempt was given up while it ran: what it did is not recorded as its outcome
 */
export async function runBlock(run: BlockRun): Promise<BlockEnd> {
  requireApproval(run.step, run.approval, run.journal.store.now());
  const attempt = await commitIntent(run);
  const lease = holdLease(run, attempt);
  try {
    const { surroundings, onOutput } = run;
    const result = await executeBlock(run.step, run.block, { surroundings, onOutput, signal: lease.signal });
    return await commitOutcome(run, attempt, result);
  } catch (error) {
    await giveBack(run, attempt, error);
    throw error;
  } finally {
    lease.letGo();
  }
}

async function commitIntent(run: BlockRun): Promise<AttemptRecord> {
  const { journal, step } = run;
  const { ms } = run.lease ?? DEFAULT_LEASE;
  return journal.commit(async (page) => {
    await requireDue(page, run);
    const attempt = await insertIntent(page.tx, {
      id: newId('att', run.surroundings.clock),
      incident: journal.incident,
      step: step.index,
      block: run.block,
      stepHash: step.hash,
      worker: run.worker,
      at: page.at,
      leaseUntil: page.at + ms,
    });
    await page.append('step-intended', named(run, attempt));
    return attempt;
  });
}

/** Another program, or a worker of the service, may have carried it out since this one looked. */
async function requireDue(page: Page, { step, block }: BlockRun): Promise<void> {
  const events = readTimeline(await listEvents(page.tx, page.incident, { without: ['differential'] }));
  const [progress] = progressOf([step], events);
  if (progress?.state !== 'done' && (progress?.nextBlock ?? 0) <= block) return;
  throw new AllclearError('E_TRANSITION', {
    what: `step ${step.index} "${step.title}" has been carried out meanwhile`,
    next: 'Take the incident up again to see where it stands.',
  });
}

/** Renews the lease until let go; its signal aborts when the caller's does, or when the lease is lost. */
function holdLease(run: BlockRun, attempt: AttemptRecord): { signal: AbortSignal; letGo(): void } {
  const { store } = run.journal;
  const { ms, renewMs } = run.lease ?? DEFAULT_LEASE;
  const lost = new AbortController();
  let until = attempt.leaseUntil;
  let held = true;
  let cancelTimer: (() => void) | undefined;

  async function renew(): Promise<void> {
    const next = store.now() + ms;
    try {
      const ours = await store.write((tx) => renewLease(tx, attempt, next));
      if (ours) until = next;
      else lost.abort();
    } catch {
      // The store may be busy for a moment: there is time until the lease ends, and no longer.
      if (store.now() >= until) lost.abort();
    }
    if (held) schedule();
  }
  function schedule(): void {
    cancelTimer = run.surroundings.clock.after(renewMs, () => void renew());
  }
  schedule();
  return {
    signal: run.signal ? AbortSignal.any([run.signal, lost.signal]) : lost.signal,
    letGo: () => {
      held = false;
      cancelTimer?.();
    },
  };
}

async function commitOutcome(run: BlockRun, attempt: AttemptRecord, end: BlockResult): Promise<BlockEnd> {
  const accepted = await run.journal.commit(async (page) => {
    const ours = await finishAttempt(page.tx, attempt, { ...end, at: page.at });
    if (ours) {
      const { state, exit, durationMs } = end;
      await page.append('step-ended', {
        ...named(run, attempt),
        state,
        exit,
        durationMs: Math.round(durationMs),
      });
      run.recordEnd?.(page, state);
    } else {
      await page.append('step-late', { ...named(run, attempt), state: end.state });
    }
    return ours;
  });
  if (accepted) return { ...end, attempt: attempt.attempt };
  throw new AllclearError('E_STEP_LATE', {
    what: `step ${run.step.index} ended (${end.state}) after its lease had ended; it stays unknown`,
    next: 'Look whether it took effect, then say done, run again or skip.',
  });
}

/** The command never started: that is a failure that is known, not an unknown one. */
async function giveBack(run: BlockRun, attempt: AttemptRecord, error: unknown): Promise<void> {
  const end = neverStarted(error);
  if (!end) return;
  await run.journal.commit(async (page) => {
    if (!(await finishAttempt(page.tx, attempt, { ...end, at: page.at }))) return;
    await page.append('step-ended', { ...named(run, attempt), state: 'failed', exit: null, durationMs: 0 });
  });
}

function named(run: BlockRun, { attempt, fence }: AttemptRecord): EventData<'step-intended'> {
  return { step: run.step.index, title: run.step.title, block: run.block, attempt, fence };
}

/**
 * Gives up every attempt in the store whose lease has ended, each with an event on its incident.
 * Call it whenever incidents are looked at; when there is nothing to give up it only reads.
 * @returns how many were given up
 */
export async function sweepLeases(store: Store, actor: string): Promise<number> {
  if (!(await hasExpired(store.db, store.now()))) return 0;
  return store.write(async (tx) => {
    const at = store.now();
    const swept = await sweepExpired(tx, at);
    for (const { incident, step, block, attempt, fence, worker } of swept) {
      const intended = await lastEvent(tx, incident, 'step-intended');
      const [event] = intended ? readTimeline([intended]) : [];
      const title = event?.kind === 'step-intended' ? event.data.title : `step ${step}`;
      const data: EventData<'step-unknown'> = { step, title, block, attempt, fence, worker };
      await appendEvent(tx, incident, { at, actor, kind: 'step-unknown', data });
      // What the service would plan too, whatever the policy.
      const waiting: Waiting = { kind: 'decision', step, title, about: 'unknown', block, attempt };
      await setNext(tx, incident, { work: null, waiting, at });
    }
    return swept.length;
  });
}
