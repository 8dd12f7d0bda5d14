/**
 * Notifications on their way out. News is first written without a target, in the transaction of the event that
 * it tells of; a server that knows the targets makes a row for each of them, and a sender delivers those.
 */
import type { ExpressionBuilder } from 'kysely';
import type { Reader, Writer } from './database.ts';
import { fromJson, toJson } from './json.ts';
import type { OutboxRow, OutboxTable, Schema } from './schema.ts';
import type { Store } from './store.ts';

export interface OutboxRecord {
  readonly id: string;
  readonly incident: string;
  /** Number of the event that it tells of. */
  readonly seq: number;
  readonly about: string;
  /** '' for news that no server has looked at. */
  readonly target: string;
  readonly payload: unknown;
  /** How often it was taken; the number also proves that an outcome is that of the latest taking. */
  readonly attempts: number;
  readonly lastError: string | null;
  /** Epoch ms. */
  readonly madeAt: number;
}

export type NewOutbox = Pick<
  OutboxRecord,
  'id' | 'incident' | 'seq' | 'about' | 'target' | 'payload' | 'madeAt'
>;

/** Writes one row; one with the same id stays as it is. */
export async function putOutbox(tx: Writer, row: NewOutbox): Promise<void> {
  await tx
    .insertInto('outbox')
    .values({
      id: row.id,
      incident: row.incident,
      seq: row.seq,
      about: row.about,
      target: row.target,
      payload: toJson(row.payload),
      state: 'waiting',
      attempts: 0,
      next_at: row.madeAt,
      lease_until: null,
      last_error: null,
      made_at: row.madeAt,
      done_at: null,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

/** The payload of the last news about the matter; null when there was none. */
export async function latestNews(db: Reader, incident: string, about: string): Promise<unknown> {
  const row = await db
    .selectFrom('outbox')
    .select('payload')
    .where('incident', '=', incident)
    .where('target', '=', '')
    .where('about', '=', about)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ? fromJson(row.payload) : null;
}

/**
 * Takes rows of one target whose time has come, oldest first, and at most one of each incident: what comes later
 * about an incident waits until the earlier is delivered or given up. A row whose taker fell silent is taken
 * again when its lease ends.
 * @param leaseMs how long nobody else takes them
 */
export function claimOutbox(
  store: Store,
  target: string,
  limit: number,
  leaseMs: number,
): Promise<OutboxRecord[]> {
  return store.write(async (tx) => {
    const now = store.now();
    let query = due(tx, target, now).selectAll().orderBy('row.next_at').orderBy('row.seq').limit(limit);
    if (store.kind === 'postgres') query = query.forUpdate().skipLocked();
    const rows = await query.execute();
    if (rows.length === 0) return [];
    await tx
      .updateTable('outbox')
      .set((eb) => ({ lease_until: now + leaseMs, attempts: eb('attempts', '+', 1) }))
      .where(
        'id',
        'in',
        rows.map((row) => row.id),
      )
      .execute();
    return rows.map((row) => toRecord({ ...row, attempts: row.attempts + 1 }));
  });
}

/** Whether there is anything to take. */
export async function hasDueOutbox(store: Store, target: string): Promise<boolean> {
  const row = await due(store.db, target, store.now()).select('row.id').limit(1).executeTakeFirst();
  return row !== undefined;
}

function due(db: Reader, target: string, now: number) {
  return db
    .selectFrom('outbox as row')
    .where('row.state', '=', 'waiting')
    .where('row.target', '=', target)
    .where('row.next_at', '<=', now)
    .where((eb) => eb.or([eb('row.lease_until', 'is', null), eb('row.lease_until', '<=', now)]))
    .where((eb) => eb.not(eb.exists(earlierOfIncident(eb))));
}

/** Something of the same incident for the same target that still has to go first. */
function earlierOfIncident(eb: ExpressionBuilder<Schema & { row: OutboxTable }, 'row'>) {
  return eb
    .selectFrom('outbox as earlier')
    .select('earlier.id')
    .whereRef('earlier.incident', '=', 'row.incident')
    .whereRef('earlier.target', '=', 'row.target')
    .where('earlier.state', '=', 'waiting')
    .where((own) =>
      own.or([
        own('earlier.seq', '<', own.ref('row.seq')),
        own.and([own('earlier.seq', '=', own.ref('row.seq')), own('earlier.id', '<', own.ref('row.id'))]),
      ]),
    );
}

/** Ends a taken row. @returns false when somebody else has taken it since */
export async function endOutbox(
  tx: Writer,
  row: OutboxRecord,
  end: { readonly state: 'delivered' | 'given-up'; readonly error: string | null; readonly at: number },
): Promise<boolean> {
  const result = await tx
    .updateTable('outbox')
    .set({ state: end.state, last_error: end.error, done_at: end.at, lease_until: null })
    .where('id', '=', row.id)
    .where('state', '=', 'waiting')
    .where('attempts', '=', row.attempts)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Puts a taken row back until `nextAt` (epoch ms). @returns false when somebody else has taken it since */
export async function postponeOutbox(
  tx: Writer,
  row: OutboxRecord,
  to: { readonly nextAt: number; readonly error: string | null },
): Promise<boolean> {
  const result = await tx
    .updateTable('outbox')
    .set({ next_at: to.nextAt, last_error: to.error, lease_until: null })
    .where('id', '=', row.id)
    .where('state', '=', 'waiting')
    .where('attempts', '=', row.attempts)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Removes what was delivered or given up before `before` (epoch ms), of incidents that are over. */
export async function pruneOutbox(tx: Writer, before: number): Promise<void> {
  await tx
    .deleteFrom('outbox')
    .where('state', '!=', 'waiting')
    .where('done_at', '<', before)
    .where('incident', 'in', (eb) => eb.selectFrom('incidents').select('id').where('is_open', '=', 0))
    .execute();
}

/** What is in the outbox for one target. */
export interface OutboxFigures {
  readonly target: string;
  readonly waiting: number;
  /** Waiting although it was tried before. */
  readonly failing: number;
  /** Epoch ms of the oldest that waits; null when none does. */
  readonly oldestAt: number | null;
  readonly delivered: number;
  readonly givenUp: number;
}

/** By target, in the order of their names; '' is news that no server has looked at. */
export async function outboxFigures(db: Reader): Promise<OutboxFigures[]> {
  const rows = await db
    .selectFrom('outbox')
    .select((eb) => [
      'target',
      'state',
      eb.fn.countAll().as('count'),
      eb.fn.min('made_at').as('oldest'),
      eb.fn.count(eb.case().when('last_error', 'is not', null).then(1).end()).as('failing'),
    ])
    .groupBy(['target', 'state'])
    .execute();
  const targets = [...new Set(rows.map((row) => row.target))].toSorted();
  return targets.map((target) => {
    const of = (state: string) => rows.find((row) => row.target === target && row.state === state);
    const waiting = of('waiting');
    return {
      target,
      waiting: Number(waiting?.count ?? 0),
      failing: Number(waiting?.failing ?? 0),
      oldestAt: waiting?.oldest ?? null,
      delivered: Number(of('delivered')?.count ?? 0),
      givenUp: Number(of('given-up')?.count ?? 0),
    };
  });
}

function toRecord(row: OutboxRow): OutboxRecord {
  return {
    id: row.id,
    incident: row.incident,
    seq: row.seq,
    about: row.about,
    target: row.target,
    payload: fromJson(row.payload),
    attempts: row.attempts,
    lastError: row.last_error,
    madeAt: row.made_at,
  };
}
