import { sql } from 'kysely';
import { GENESIS } from './chain.ts';
import { forUpdate, type Reader, type Writer } from './database.ts';
import { noteHeads } from './heads.ts';
import { inParts } from './in-parts.ts';
import { fromJson, stringMap, toJson } from './json.ts';
import { appendLedger } from './ledger.ts';
import type { IncidentRow } from './schema.ts';

/** Who writes the ledger's lines about incidents; who opened or closed one, its time line tells. */
const STORE = 'store';

/** One incident as stored. `snapshot` is the engine's to validate. */
export interface IncidentRecord {
  readonly id: string;
  /** The runbook's id; empty when none is linked. */
  readonly runbook: string;
  /** The version of the runbook it began with; null when none is linked. */
  readonly runbookHash: string | null;
  readonly title: string;
  readonly severity: string | null;
  /** The state's name. */
  readonly state: string;
  readonly snapshot: unknown;
  readonly labels: Readonly<Record<string, string>>;
  readonly joinKey: string | null;
  readonly open: boolean;
  readonly alertCount: number;
  /** Epoch ms, as all times here. */
  readonly openedAt: number;
  readonly updatedAt: number;
  readonly closedAt: number | null;
  /** Number of the last event. */
  readonly seq: number;
  /** Where its commands must run; '' anywhere. */
  readonly site: string;
  /** Who works on it. */
  readonly assignee: string | null;
  /** What it waits for, as the engine wrote it down. */
  readonly waiting: unknown;
}

export interface NewIncident {
  readonly id: string;
  readonly runbook: string;
  readonly runbookHash: string | null;
  readonly title: string;
  readonly severity: string | null;
  readonly state: string;
  readonly snapshot: unknown;
  readonly labels: Readonly<Record<string, string>>;
  readonly joinKey: string | null;
  readonly site?: string;
  readonly at: number;
}

/** @throws a unique violation when another open incident has the same join key */
export async function insertIncident(tx: Writer, incident: NewIncident): Promise<void> {
  await tx
    .insertInto('incidents')
    .values({
      id: incident.id,
      runbook: incident.runbook,
      runbook_hash: incident.runbookHash,
      title: incident.title,
      severity: incident.severity,
      state: incident.state,
      snapshot: toJson(incident.snapshot),
      labels: toJson(incident.labels),
      join_key: incident.joinKey,
      is_open: 1,
      alert_count: 0,
      opened_at: incident.at,
      updated_at: incident.at,
      closed_at: null,
      seq: 0,
      head_hash: GENESIS,
      fence: 0,
      site: incident.site ?? '',
      assignee: null,
      waiting: null,
    })
    .execute();
  const { id, at, runbook, title, severity } = incident;
  noteHeads(tx, [{ id, seq: 0, head_hash: GENESIS, updated_at: at }]);
  const data = { runbook, title, severity };
  appendLedger(tx, { at, actor: STORE, kind: 'incident-opened', incident: id, data });
}

export async function findIncident(db: Reader, id: string): Promise<IncidentRecord | null> {
  const row = await db.selectFrom('incidents').selectAll().where('id', '=', id).executeTakeFirst();
  return row ? toIncidentRecord(row) : null;
}

/**
 * The incident, held by this transaction until it ends: others that change it wait.
 * On SQLite a writing transaction holds the whole store already.
 */
export async function lockIncident(tx: Writer, id: string): Promise<IncidentRecord | null> {
  const query = tx.selectFrom('incidents').selectAll().where('id', '=', id);
  const row = await forUpdate(tx, query).executeTakeFirst();
  if (!row) return null;
  noteHeads(tx, [row]);
  return toIncidentRecord(row);
}

export async function assignIncident(tx: Writer, id: string, assignee: string | null): Promise<void> {
  await tx.updateTable('incidents').set({ assignee }).where('id', '=', id).execute();
}

/** Lets the incident go on with another runbook, or another version of the same. */
export async function relinkIncident(
  tx: Writer,
  id: string,
  link: { runbook: string; runbookHash: string },
): Promise<void> {
  const { runbook, runbookHash } = link;
  await tx
    .updateTable('incidents')
    .set({ runbook, runbook_hash: runbookHash })
    .where('id', '=', id)
    .execute();
}

/** Several at once, in the order of their ids. */
export async function findIncidents(db: Reader, ids: readonly string[]): Promise<IncidentRecord[]> {
  if (ids.length === 0) return [];
  const rows = await db.selectFrom('incidents').selectAll().where('id', 'in', ids).orderBy('id').execute();
  return rows.map(toIncidentRecord);
}

/** Newest first. `limit` bounds the answer. */
export async function listIncidents(
  db: Reader,
  options: { limit: number; openOnly?: boolean },
): Promise<IncidentRecord[]> {
  let query = db.selectFrom('incidents').selectAll();
  if (options.openOnly) query = query.where('is_open', '=', 1);
  const rows = await query.orderBy('opened_at', 'desc').orderBy('id', 'desc').limit(options.limit).execute();
  return rows.map(toIncidentRecord);
}

/** Ids that begin with `prefix`, at most `limit`: people type the first letters. */
export async function incidentIdsLike(db: Reader, prefix: string, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('incidents')
    .select('id')
    .where('id', '>=', prefix)
    .where('id', '<', `${prefix}\uffff`)
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}

/** Every id in order, read in pages. */
export async function* allIncidentIds(db: Reader): AsyncGenerator<string> {
  for (let last = ''; ; ) {
    const rows = await db
      .selectFrom('incidents')
      .select('id')
      .where('id', '>', last)
      .orderBy('id')
      .limit(1_000)
      .execute();
    for (const { id } of rows) yield id;
    if (rows.length < 1_000) return;
    last = rows.at(-1)!.id;
  }
}

export interface StateChange {
  readonly incident: string;
  readonly state: string;
  readonly snapshot: unknown;
  readonly open: boolean;
  /** Epoch ms. */
  readonly at: number;
}

/** Replaces states. An incident that is no longer open lets a new one with its key begin. */
export async function updateIncidentStates(tx: Writer, changes: readonly StateChange[]): Promise<void> {
  for (const part of inParts(changes)) {
    const values = part.map(
      ({ incident, state, snapshot, open, at }) =>
        sql`(${incident}, ${state}, ${toJson(snapshot)}, cast(${open ? 1 : 0} as integer), cast(${at} as bigint))`,
    );
    await sql`with next(id, state, snapshot, is_open, at) as (values ${sql.join(values)})
      update incidents set state = next.state, snapshot = next.snapshot, is_open = next.is_open,
        updated_at = next.at, closed_at = case next.is_open when 1 then null else next.at end
      from next where incidents.id = next.id`.execute(tx);
  }
  for (const { incident, open, at } of changes) {
    // What its time line ends with is looked up when the transaction ends.
    if (!open) appendLedger(tx, { at, actor: STORE, kind: 'incident-closed', incident, data: null });
  }
}

/** The same for one. */
export function updateIncidentState(
  tx: Writer,
  incident: string,
  change: Omit<StateChange, 'incident'>,
): Promise<void> {
  return updateIncidentStates(tx, [{ ...change, incident }]);
}

/** Adds to the number of alerts it has had. */
export async function countAlerts(tx: Writer, id: string, added: number): Promise<void> {
  await tx
    .updateTable('incidents')
    .set((eb) => ({ alert_count: eb('alert_count', '+', added) }))
    .where('id', '=', id)
    .execute();
}

/**
 * The open incidents that alerts with these keys belong to, held by this transaction until it ends: two servers do
 * not count the same alert twice.
 */
export async function lockOpenByKeys(tx: Writer, joinKeys: Iterable<string>): Promise<IncidentRecord[]> {
  const found: IncidentRecord[] = [];
  for (const part of chunks(joinKeys)) {
    const open = tx.selectFrom('incidents').selectAll().where('is_open', '=', 1);
    const rows = await forUpdate(tx, open.where('join_key', 'in', part).orderBy('id')).execute();
    noteHeads(tx, rows);
    found.push(...rows.map(toIncidentRecord));
  }
  return found;
}

function* chunks(values: Iterable<string>): Generator<string[]> {
  const all = [...values];
  for (let from = 0; from < all.length; from += 1_000) yield all.slice(from, from + 1_000);
}

export function toIncidentRecord(row: IncidentRow): IncidentRecord {
  return {
    id: row.id,
    runbook: row.runbook,
    runbookHash: row.runbook_hash,
    title: row.title,
    severity: row.severity,
    state: row.state,
    snapshot: fromJson(row.snapshot),
    labels: stringMap(row.labels),
    joinKey: row.join_key,
    open: row.is_open === 1,
    alertCount: row.alert_count,
    openedAt: row.opened_at,
    updatedAt: row.updated_at,
    closedAt: row.closed_at,
    seq: row.seq,
    site: row.site,
    assignee: row.assignee,
    waiting: row.waiting === null ? null : fromJson(row.waiting),
  };
}
