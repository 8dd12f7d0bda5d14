import { AllclearError } from '../kernel/index.ts';
import { GENESIS } from './chain.ts';
import { forUpdate, type Reader, type Writer } from './database.ts';
import { changeHeld, hold, noteHeld, writeHeld } from './held.ts';
import { fromJson, stringMap, toJson } from './json.ts';
import { appendLedger } from './ledger.ts';
import { oneOf } from './row-set.ts';
import type { IncidentRow } from './schema.ts';
import { storable } from './storable.ts';
import { gatheredBy, gatheredIn } from './transaction.ts';

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
  const row = newRow(incident);
  // One that this transaction has closed leaves its join key to the new one.
  await writeHeld(tx, gatheredIn(tx));
  await tx.insertInto('incidents').values(row).execute();
  noteHeld(tx, [row]);
  const { id, at, runbook, title, severity } = incident;
  const data = { runbook, title, severity };
  appendLedger(tx, { at, actor: STORE, kind: 'incident-opened', incident: id, data });
}

function newRow(incident: NewIncident): IncidentRow {
  return {
    id: storable(incident.id),
    runbook: storable(incident.runbook),
    runbook_hash: incident.runbookHash,
    title: storable(incident.title),
    severity: storable(incident.severity),
    state: incident.state,
    snapshot: toJson(incident.snapshot),
    labels: toJson(incident.labels),
    join_key: storable(incident.joinKey),
    is_open: 1,
    alert_count: 0,
    opened_at: incident.at,
    updated_at: incident.at,
    closed_at: null,
    seq: 0,
    head_hash: GENESIS,
    fence: 0,
    site: storable(incident.site ?? ''),
    assignee: null,
    waiting: null,
  };
}

/** As this transaction leaves it, where it holds it. */
export async function findIncident(db: Reader, id: string): Promise<IncidentRecord | null> {
  const held = gatheredBy(db)?.incidents.get(id);
  if (held) return toIncidentRecord(held);
  const row = await db.selectFrom('incidents').selectAll().where('id', '=', id).executeTakeFirst();
  return row ? toIncidentRecord(row) : null;
}

/**
 * The incident, held by this transaction until it ends: others that change it wait.
 * On SQLite a writing transaction holds the whole store already.
 */
export async function lockIncident(tx: Writer, id: string): Promise<IncidentRecord | null> {
  const row = (await hold(tx, [id])).get(id);
  return row ? toIncidentRecord(row) : null;
}

export async function assignIncident(tx: Writer, id: string, assignee: string | null): Promise<void> {
  await changeHeldBy(tx, id, () => ({ assignee: storable(assignee) }));
}

/** Lets the incident go on with another runbook, or another version of the same. */
export async function relinkIncident(
  tx: Writer,
  id: string,
  link: { runbook: string; runbookHash: string },
): Promise<void> {
  const { runbook, runbookHash } = link;
  await changeHeldBy(tx, id, () => ({ runbook: storable(runbook), runbook_hash: runbookHash }));
}

/** Takes the next fence number: who has an older one has lost the right to report. @throws `E_NOT_FOUND` */
export async function nextFence(tx: Writer, id: string): Promise<number> {
  const { fence } = await changeHeldBy(tx, id, (row) => ({ fence: row.fence + 1 }));
  return fence;
}

/** Several at once, in no particular order, as this transaction leaves those that it holds. */
export async function findIncidents(db: Reader, ids: readonly string[]): Promise<IncidentRecord[]> {
  const held = gatheredBy(db)?.incidents;
  const wanted = [...new Set(ids)];
  const rows = wanted.flatMap((id) => held?.get(id) ?? []);
  const others = wanted.filter((id) => !held?.has(id));
  if (others.length > 0)
    rows.push(
      ...(await db
        .selectFrom('incidents')
        .selectAll()
        .where(oneOf(db, 'id', others))
        .execute()),
    );
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
  const held = await hold(
    tx,
    changes.map(({ incident }) => incident),
  );
  for (const { incident, state, snapshot, open, at } of changes) {
    if (!held.has(incident)) continue;
    changeHeld(tx, incident, {
      state,
      snapshot: toJson(snapshot),
      is_open: open ? 1 : 0,
      updated_at: at,
      closed_at: open ? null : at,
    });
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
  await changeHeldBy(tx, id, (row) => ({ alert_count: row.alert_count + added }));
}

/** @throws `E_NOT_FOUND` */
async function changeHeldBy(
  tx: Writer,
  id: string,
  by: (row: IncidentRow) => Parameters<typeof changeHeld>[2],
): Promise<IncidentRow> {
  const held = await hold(tx, [id]);
  const row = held.get(id);
  if (!row) throw new AllclearError('E_NOT_FOUND', { what: `no incident ${id}` });
  changeHeld(tx, id, by(row));
  return held.get(id)!;
}

/**
 * The open incidents that alerts with these keys belong to, held by this transaction until it ends: two servers do
 * not count the same alert twice.
 */
export async function lockOpenByKeys(tx: Writer, joinKeys: Iterable<string>): Promise<IncidentRecord[]> {
  // Those that this transaction has closed are not found.
  await writeHeld(tx, gatheredIn(tx));
  const open = tx.selectFrom('incidents').selectAll().where('is_open', '=', 1);
  const query = open.where(oneOf(tx, 'join_key', [...joinKeys])).orderBy('id');
  return noteHeld(tx, await forUpdate(tx, query).execute()).map(toIncidentRecord);
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
