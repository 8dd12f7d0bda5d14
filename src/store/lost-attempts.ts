/** Attempts whose workers have fallen silent: they become `unknown`, and their fence numbers move on. */
import { type AttemptRecord, toAttemptRecord } from './attempts.ts';
import { nextFence } from './incidents.ts';
import type { AttemptRow } from './schema.ts';
import type { Reader, Writer } from './store.ts';

/** Gives up every attempt whose lease has ended by `now`, and returns them. */
export async function sweepExpired(tx: Writer, now: number): Promise<AttemptRecord[]> {
  const expired = await liveAttempts(tx).where('lease_until', '<=', now).execute();
  return giveUp(tx, expired, now);
}

/** Gives up these attempts, unless they have ended or their lease was renewed meanwhile. */
export async function giveUpAttempts(
  tx: Writer,
  seen: readonly { readonly id: string; readonly leaseUntil: number }[],
  now: number,
): Promise<AttemptRecord[]> {
  if (seen.length === 0) return [];
  const leases = new Map(seen.map(({ id, leaseUntil }) => [id, leaseUntil]));
  const rows = await liveAttempts(tx)
    .where('id', 'in', [...leases.keys()])
    .execute();
  return giveUp(
    tx,
    rows.filter((row) => row.lease_until === leases.get(row.id)),
    now,
  );
}

/** What is being run, longest intended first, at most 1,000. */
export async function listLiveAttempts(db: Reader): Promise<AttemptRecord[]> {
  return (await liveAttempts(db).execute()).map(toAttemptRecord);
}

function liveAttempts(db: Reader) {
  return db
    .selectFrom('step_attempts')
    .selectAll()
    .where('state', 'in', ['intended', 'running'])
    .orderBy('intended_at')
    .limit(1_000);
}

async function giveUp(tx: Writer, rows: readonly AttemptRow[], now: number): Promise<AttemptRecord[]> {
  const given: AttemptRecord[] = [];
  for (const row of rows) {
    const change = { state: 'unknown', fence: await nextFence(tx, row.incident), ended_at: now };
    // A renewal or the outcome may have come while this transaction waited for the incident.
    const { numUpdatedRows } = await tx
      .updateTable('step_attempts')
      .set(change)
      .where('id', '=', row.id)
      .where('state', 'in', ['intended', 'running'])
      .where('lease_until', '=', row.lease_until)
      .executeTakeFirst();
    if (numUpdatedRows === 1n) given.push(toAttemptRecord({ ...row, ...change }));
  }
  return given;
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
