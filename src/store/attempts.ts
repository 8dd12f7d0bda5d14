/**
 * Step attempts: the intent to run one block of one step, committed before its side effect.
 *
 * The worker that made the intent holds a lease, and renews it while the block runs. When the lease
 * ends without an outcome, nobody knows what happened: the attempt becomes `unknown`, and its fence
 * number moves on, so that the lost worker's late report no longer fits.
 */
import { AllclearError } from '../kernel/index.ts';
import type { AttemptRow } from './schema.ts';
import type { Reader, Writer } from './store.ts';

/** `intended` until the first renewal says `running`; the others are final but for a decision. */
export type AttemptState =
  | 'intended'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'timed-out'
  | 'cancelled'
  | 'unknown';

/** How an attempt can end. */
export type AttemptOutcome = Exclude<AttemptState, 'intended' | 'running' | 'unknown'>;

export type AttemptDecision = 'done' | 'again' | 'skip';

export interface AttemptRecord {
  readonly id: string;
  readonly incident: string;
  /** The step's index, from 1. */
  readonly step: number;
  /** The block in the step, from 0. */
  readonly block: number;
  /** From 1. */
  readonly attempt: number;
  readonly stepHash: string;
  readonly state: AttemptState;
  readonly fence: number;
  readonly worker: string;
  readonly leaseUntil: number;
  readonly intendedAt: number;
  readonly endedAt: number | null;
  readonly exit: number | null;
  /** Redacted, bounded; null before the end. */
  readonly output: string | null;
  readonly truncated: boolean;
  readonly decision: AttemptDecision | null;
}

export interface Intent {
  readonly id: string;
  readonly incident: string;
  readonly step: number;
  readonly block: number;
  readonly stepHash: string;
  readonly worker: string;
  readonly at: number;
  readonly leaseUntil: number;
}

/**
 * Commits to running one block: numbers the attempt and takes the next fence.
 * @throws `E_STEP_BUSY` while any step of the incident is being run by a live worker,
 *   `E_STEP_UNDECIDED` while an attempt at this step is unknown and nobody has decided about it
 */
export async function insertIntent(tx: Writer, intent: Intent): Promise<AttemptRecord> {
  const earlier = await relevantAttempts(tx, intent);
  refuseConflict(intent, earlier);
  const same = earlier.filter((other) => other.step === intent.step && other.block === intent.block);
  const row = {
    id: intent.id,
    incident: intent.incident,
    step: intent.step,
    block: intent.block,
    attempt: Math.max(0, ...same.map((other) => other.attempt)) + 1,
    step_hash: intent.stepHash,
    state: 'intended',
    fence: await nextFence(tx, intent.incident),
    worker: intent.worker,
    lease_until: intent.leaseUntil,
    intended_at: intent.at,
    ended_at: null,
    exit: null,
    output: null,
    truncated: 0,
    decision: null,
    decided_by: null,
    decided_at: null,
  };
  await tx.insertInto('step_attempts').values(row).execute();
  return toRecord(row);
}

/** Attempts at the same step, and whatever runs in the same incident; without their outputs. */
function relevantAttempts(tx: Writer, { incident, step }: Intent) {
  return tx
    .selectFrom('step_attempts')
    .select(['step', 'block', 'attempt', 'state', 'worker', 'decision'])
    .where('incident', '=', incident)
    .where((eb) => eb.or([eb('step', '=', step), eb('state', 'in', ['intended', 'running'])]))
    .execute();
}

function refuseConflict(
  intent: Intent,
  earlier: readonly Pick<AttemptRow, 'step' | 'state' | 'worker' | 'decision'>[],
): void {
  const running = earlier.find((other) => isLive(other.state as AttemptState));
  if (running) {
    throw new AllclearError('E_STEP_BUSY', {
      what: `step ${running.step} of this incident is being run by ${running.worker}`,
      next: 'Wait until it ends; if that program is gone, the step becomes unknown when its lease ends.',
    });
  }
  const undecided = earlier.find(
    (other) => other.step === intent.step && other.state === 'unknown' && other.decision === null,
  );
  if (undecided) {
    throw new AllclearError('E_STEP_UNDECIDED', {
      what: `what became of step ${undecided.step} is unknown, and nobody has decided about it`,
      next: 'Look whether it took effect, then say done, run again or skip.',
    });
  }
}

export function isLive(state: AttemptState): boolean {
  return state === 'intended' || state === 'running';
}

async function nextFence(tx: Writer, incident: string): Promise<number> {
  const { fence } = await tx
    .updateTable('incidents')
    .set((eb) => ({ fence: eb('fence', '+', 1) }))
    .where('id', '=', incident)
    .returning('fence')
    .executeTakeFirstOrThrow(() => new AllclearError('E_NOT_FOUND', { what: `no incident ${incident}` }));
  return fence;
}

/** @returns false when the attempt is no longer this worker's: its lease ended and it was given up */
export async function renewLease(
  tx: Writer,
  attempt: { id: string; fence: number },
  leaseUntil: number,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('step_attempts')
    .set({ lease_until: leaseUntil, state: 'running' })
    .where('id', '=', attempt.id)
    .where('fence', '=', attempt.fence)
    .where('state', 'in', ['intended', 'running'])
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export interface AttemptEnd {
  readonly state: AttemptOutcome;
  readonly exit: number | null;
  readonly output: string;
  readonly truncated: boolean;
  readonly at: number;
}

/** @returns false when the fence is old: the outcome came too late and is not recorded */
export async function finishAttempt(
  tx: Writer,
  attempt: { id: string; fence: number },
  end: AttemptEnd,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('step_attempts')
    .set({
      state: end.state,
      exit: end.exit,
      // PostgreSQL's text cannot hold NUL.
      output: end.output.replaceAll('\0', '\ufffd'),
      truncated: end.truncated ? 1 : 0,
      ended_at: end.at,
    })
    .where('id', '=', attempt.id)
    .where('fence', '=', attempt.fence)
    .where('state', 'in', ['intended', 'running'])
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Gives up every attempt whose lease has ended by `now`, and returns them. */
export async function sweepExpired(tx: Writer, now: number): Promise<AttemptRecord[]> {
  const expired = await tx
    .selectFrom('step_attempts')
    .selectAll()
    .where('state', 'in', ['intended', 'running'])
    .where('lease_until', '<=', now)
    .orderBy('intended_at')
    .limit(1_000)
    .execute();
  const swept: AttemptRecord[] = [];
  for (const row of expired) {
    const change = { state: 'unknown', fence: await nextFence(tx, row.incident), ended_at: now };
    await tx.updateTable('step_attempts').set(change).where('id', '=', row.id).execute();
    swept.push(toRecord({ ...row, ...change }));
  }
  return swept;
}

/** True when a sweep would find something: a read, so that looking does not cost a write. */
export async function hasExpired(db: Reader, now: number): Promise<boolean> {
  const row = await db
    .selectFrom('step_attempts')
    .select('id')
    .where('state', 'in', ['intended', 'running'])
    .where('lease_until', '<=', now)
    .executeTakeFirst();
  return row !== undefined;
}

/** @returns false when it was decided before, or is not in need of a decision */
export async function decideAttempt(
  tx: Writer,
  id: string,
  decision: { decision: AttemptDecision; by: string; at: number },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('step_attempts')
    .set({ decision: decision.decision, decided_by: decision.by, decided_at: decision.at })
    .where('id', '=', id)
    .where('decision', 'is', null)
    .where('state', 'in', ['unknown', 'failed', 'timed-out', 'cancelled'])
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** In the order they were intended. */
export async function listAttempts(db: Reader, incident: string): Promise<AttemptRecord[]> {
  const rows = await db
    .selectFrom('step_attempts')
    .selectAll()
    .where('incident', '=', incident)
    .orderBy('intended_at')
    .orderBy('step')
    .orderBy('block')
    .orderBy('attempt')
    .execute();
  return rows.map(toRecord);
}

function toRecord(row: AttemptRow): AttemptRecord {
  return {
    id: row.id,
    incident: row.incident,
    step: row.step,
    block: row.block,
    attempt: row.attempt,
    stepHash: row.step_hash,
    state: row.state as AttemptState,
    fence: row.fence,
    worker: row.worker,
    leaseUntil: row.lease_until,
    intendedAt: row.intended_at,
    endedAt: row.ended_at,
    exit: row.exit,
    output: row.output,
    truncated: row.truncated === 1,
    decision: row.decision as AttemptDecision | null,
  };
}
