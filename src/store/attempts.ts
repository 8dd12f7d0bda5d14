/**
 * Step attempts: the intent to run one block of one step, committed before its side effect.
 *
 * The worker that made the intent holds a lease, and renews it while the block runs. When the lease
 * ends without an outcome, nobody knows what happened: the attempt becomes `unknown`, and its fence
 * number moves on, so that the lost worker's late report no longer fits.
 */
import { sql } from 'kysely';
import { AllclearError } from '../kernel/index.ts';
import type { Reader, Writer } from './database.ts';
import { nextFence } from './incidents.ts';
import { type Columns, insertRows, oneOf, rowSet } from './row-set.ts';
import type { AttemptRow } from './schema.ts';

const END_COLUMNS = {
  id: 'text',
  fence: 'integer',
  state: 'text',
  exit: 'integer',
  output: 'text',
  truncated: 'integer',
  ended_at: 'bigint',
} satisfies Partial<Columns<AttemptRow>>;

const COLUMNS: Columns<AttemptRow> = {
  ...END_COLUMNS,
  incident: 'text',
  step: 'integer',
  block: 'integer',
  attempt: 'integer',
  step_hash: 'text',
  worker: 'text',
  lease_until: 'bigint',
  intended_at: 'bigint',
  decision: 'text',
  decided_by: 'text',
  decided_at: 'bigint',
};

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
  const fence = await nextFence(tx, intent.incident);
  const [attempt] = await insertIntents(tx, [{ ...intent, fence }]);
  if (attempt instanceof AllclearError) throw attempt;
  return attempt!;
}

/**
 * The same for several incidents at once, with fences that were taken before.
 * @returns in the order given: the attempt, or the error that `insertIntent` throws
 */
export async function insertIntents(
  tx: Writer,
  intents: readonly (Intent & { readonly fence: number })[],
): Promise<(AttemptRecord | AllclearError)[]> {
  if (intents.length === 0) return [];
  const earlier = Map.groupBy(await relevantAttempts(tx, intents), ({ incident }) => incident);
  const results = intents.map((intent) => {
    const before = (earlier.get(intent.incident) ?? []).filter(
      ({ step, state }) => step === intent.step || isLive(state as AttemptState),
    );
    const conflict = conflictOf(intent, before);
    return conflict ?? { row: newAttempt(intent, before) };
  });
  const rows = results.flatMap((result) => ('row' in result ? result.row : []));
  await insertRows(tx, 'step_attempts', COLUMNS, rows);
  return results.map((result) => ('row' in result ? toAttemptRecord(result.row) : result));
}

type EarlierAttempt = Pick<
  AttemptRow,
  'incident' | 'step' | 'block' | 'attempt' | 'state' | 'worker' | 'decision'
>;

function newAttempt(
  intent: Intent & { readonly fence: number },
  before: readonly EarlierAttempt[],
): AttemptRow {
  const same = before.filter((other) => other.step === intent.step && other.block === intent.block);
  return {
    id: intent.id,
    incident: intent.incident,
    step: intent.step,
    block: intent.block,
    attempt: Math.max(0, ...same.map((other) => other.attempt)) + 1,
    step_hash: intent.stepHash,
    state: 'intended',
    fence: intent.fence,
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
}

/** Attempts at the same steps, and whatever runs in the same incidents; without their outputs. */
function relevantAttempts(tx: Writer, intents: readonly Intent[]): Promise<EarlierAttempt[]> {
  const steps = [...new Set(intents.map(({ step }) => step))];
  const incidents = intents.map(({ incident }) => incident);
  return tx
    .selectFrom('step_attempts')
    .select(['incident', 'step', 'block', 'attempt', 'state', 'worker', 'decision'])
    .where(oneOf(tx, 'incident', incidents))
    .where((eb) => eb.or([eb('step', 'in', steps), eb('state', 'in', ['intended', 'running'])]))
    .execute();
}

function conflictOf(intent: Intent, earlier: readonly EarlierAttempt[]): AllclearError | null {
  const running = earlier.find((other) => isLive(other.state as AttemptState));
  if (running) {
    return new AllclearError('E_STEP_BUSY', {
      what: `step ${running.step} of this incident is being run by ${running.worker}`,
      next: 'Wait until it ends; if that program is gone, the step becomes unknown when its lease ends.',
    });
  }
  const undecided = earlier.find(
    (other) => other.step === intent.step && other.state === 'unknown' && other.decision === null,
  );
  if (!undecided) return null;
  return new AllclearError('E_STEP_UNDECIDED', {
    what: `what became of step ${undecided.step} is unknown, and nobody has decided about it`,
    next: 'Look whether it took effect, then say done, run again or skip.',
  });
}

export function isLive(state: AttemptState): boolean {
  return state === 'intended' || state === 'running';
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
  return (await finishAttempts(tx, [{ ...end, id: attempt.id, fence: attempt.fence }])).size === 1;
}

/** @returns the ids of the attempts whose fence was still good */
export async function finishAttempts(
  tx: Writer,
  ends: readonly (AttemptEnd & { readonly id: string; readonly fence: number })[],
): Promise<ReadonlySet<string>> {
  if (ends.length === 0) return new Set();
  const ended = ends.map(({ at, truncated, ...end }) => ({
    ...end,
    truncated: truncated ? 1 : 0,
    ended_at: at,
  }));
  const { rows } = await sql<{ id: string }>`
    update step_attempts set state = ended.state, exit = ended.exit, output = ended.output,
      truncated = ended.truncated, ended_at = ended.ended_at
    from ${rowSet(tx, 'ended', END_COLUMNS, ended)}
    where step_attempts.id = ended.id and step_attempts.fence = ended.fence
      and step_attempts.state in ('intended', 'running')
    returning step_attempts.id`.execute(tx);
  return new Set(rows.map(({ id }) => id));
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

export async function findAttempts(db: Reader, ids: readonly string[]): Promise<AttemptRecord[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom('step_attempts')
    .selectAll()
    .where(oneOf(db, 'id', ids))
    .execute();
  return rows.map(toAttemptRecord);
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
  return rows.map(toAttemptRecord);
}

export function toAttemptRecord(row: AttemptRow): AttemptRecord {
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
