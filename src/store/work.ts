/**
 * The work queue: for each incident at most one thing that a worker is to do.
 *
 * A row is `ready` until a worker takes it; then it bears the worker's name, a lease and a fence number from the
 * incident's own count. A step's row goes when it is taken: from then on the attempt bears all that. Whoever writes here has locked the incident's row first, or takes what nobody has locked.
 * Everything takes many incidents at once: under load a transaction is shared by what happens together.
 */
import { type SqlBool, sql } from 'kysely';
import type { Reader, Writer } from './database.ts';
import { changeHeld, hold, noteHeld } from './held.ts';
import { type IncidentRecord, toIncidentRecord } from './incidents.ts';
import { toJson } from './json.ts';
import { type Columns, insertQuery, oneOf, rowSet } from './row-set.ts';
import type { WorkRow } from './schema.ts';
import type { Store } from './store.ts';

export type WorkKind = 'diagnose' | 'step' | 'verify';

/** What is to be done next, as the plan says it. */
export interface NewWork {
  readonly kind: WorkKind;
  /** Where it must be done; '' anywhere. */
  readonly site: string;
  /** For a step: its index from 1, the block from 0, and the hash of the rendering that was approved. */
  readonly step: number | null;
  readonly block: number | null;
  readonly stepHash: string | null;
  /** For a step: when its approval ends. It is not begun after that; null: never. Epoch ms, as all times here. */
  readonly expiresAt: number | null;
}

export interface WorkRecord extends NewWork {
  readonly incident: string;
  readonly state: 'ready' | 'taken';
  /** Not to be taken before. */
  readonly readyAt: number;
  readonly worker: string | null;
  readonly leaseUntil: number | null;
  readonly fence: number;
}

const HOLD_COLUMNS = {
  incident: 'text',
  worker: 'text',
  lease_until: 'bigint',
  fence: 'integer',
} satisfies Partial<Columns<WorkRow>>;

const COLUMNS: Columns<WorkRow> = {
  ...HOLD_COLUMNS,
  kind: 'text',
  site: 'text',
  step: 'integer',
  block: 'integer',
  step_hash: 'text',
  state: 'text',
  ready_at: 'bigint',
  made_at: 'bigint',
  expires_at: 'bigint',
};

/** What proves that a worker (still) holds the work of an incident. */
export interface Holding {
  readonly incident: string;
  readonly fence: number;
}

/** What comes next for an incident: work, or what it waits for, as the engine writes it down. */
export interface Next {
  readonly work: NewWork | null;
  readonly waiting: unknown;
  readonly at: number;
}

export function setNext(tx: Writer, incident: string, next: Next): Promise<void> {
  return setNextOfAll(tx, [{ incident, ...next }]);
}

/**
 * Writes down what comes next for incidents whose rows the caller has locked. Work that is there already stays as it
 * is, also when a worker has taken it. Other work takes its place, and the worker that holds it can no longer report.
 */
export async function setNextOfAll(
  tx: Writer,
  all: readonly (Next & { readonly incident: string })[],
): Promise<void> {
  if (all.length === 0) return;
  const nothing = all.filter(({ work }) => work === null).map(({ incident }) => incident);
  await withdrawWork(tx, nothing);
  const rows = all.flatMap(({ incident, work, at }) => (work === null ? [] : newRow(incident, work, at)));
  if (rows.length > 0) await upsertWork(tx, rows);
  const held = await hold(
    tx,
    all.map(({ incident }) => incident),
  );
  for (const { incident, waiting } of all) {
    const text = waiting === null ? null : toJson(waiting);
    const row = held.get(incident);
    if (row && row.waiting !== text) changeHeld(tx, incident, { waiting: text });
  }
}

function newRow(incident: string, work: NewWork, at: number): WorkRow {
  return {
    incident,
    kind: work.kind,
    site: work.site,
    step: work.step,
    block: work.block,
    step_hash: work.stepHash,
    state: 'ready',
    ready_at: at,
    made_at: at,
    worker: null,
    lease_until: null,
    expires_at: work.expiresAt,
    fence: 0,
  };
}

async function upsertWork(tx: Writer, rows: readonly WorkRow[]): Promise<void> {
  const same = sql<boolean>`(work.kind = excluded.kind and work.step is not distinct from excluded.step
    and work.block is not distinct from excluded.block and work.step_hash is not distinct from excluded.step_hash)`;
  const unlessSame = (column: string) =>
    sql`${sql.ref(column)} = case when ${same} then ${sql.ref(`work.${column}`)} else ${sql.ref(`excluded.${column}`)} end`;
  await sql`${insertQuery(tx, 'work', COLUMNS, rows)} on conflict (incident) do update set
    site = excluded.site, kind = excluded.kind, step = excluded.step, block = excluded.block,
    step_hash = excluded.step_hash, expires_at = excluded.expires_at,
    ${sql.join(['state', 'ready_at', 'made_at', 'worker', 'lease_until'].map(unlessSame))}`.execute(tx);
}

/** Takes the work away: the report of a worker that holds it no longer fits. */
export async function withdrawWork(tx: Writer, incidents: readonly string[]): Promise<void> {
  if (incidents.length > 0)
    await tx
      .deleteFrom('work')
      .where(oneOf(tx, 'incident', incidents))
      .execute();
}

/** Incidents with a step that nobody began before its approval ended. `limit` bounds the answer. */
export async function listExpiredWork(db: Reader, now: number, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('work')
    .select('incident')
    .where('state', '=', 'ready')
    .where('expires_at', '<=', now)
    .orderBy('expires_at')
    .limit(limit)
    .execute();
  return rows.map(({ incident }) => incident);
}

export interface Taking {
  readonly worker: string;
  /** Names of sites; null: of any. */
  readonly sites: readonly string[] | null;
  readonly limit: number;
  readonly now: number;
  readonly leaseUntil: number;
}

/** Work that this transaction has taken, and the incident it is for. */
export interface PickedWork {
  readonly work: WorkRecord;
  readonly incident: IncidentRecord;
}

/**
 * Takes work that is ready, oldest first, with a new fence number for each. On PostgreSQL what another transaction
 * has locked is passed over, so that workers never wait for each other. Nobody else sees it until the transaction ends:
 * before that, each is held (`holdWork`), or withdrawn for an attempt that bears the lease.
 */
export async function pickWork(tx: Writer, store: Store['kind'], taking: Taking): Promise<PickedWork[]> {
  const { worker, sites, limit, now, leaseUntil } = taking;
  if (limit < 1 || sites?.length === 0) return [];
  const rows = await tx
    .selectFrom('work')
    .innerJoin('incidents', 'incidents.id', 'work.incident')
    .selectAll('incidents')
    .select(['work.kind', 'work.step', 'work.block', 'work.step_hash', 'work.ready_at', 'work.expires_at'])
    .select('work.site as work_site')
    .where('work.state', '=', 'ready')
    .where('work.ready_at', '<=', now)
    .where((eb) => eb.or([eb('work.expires_at', 'is', null), eb('work.expires_at', '>', now)]))
    .$if(sites !== null, (query) => query.where('work.site', 'in', sites ?? []))
    .orderBy('work.ready_at')
    .orderBy('work.incident')
    .limit(limit)
    .$if(store === 'postgres', (query) => query.forUpdate(['work', 'incidents']).skipLocked())
    .execute();
  if (rows.length === 0) return [];
  const incidents = noteHeld(tx, rows);
  for (const { id, fence } of incidents) changeHeld(tx, id, { fence: fence + 1 });
  return rows.map((row, index) => ({
    work: {
      incident: row.id,
      kind: row.kind as WorkKind,
      site: row.work_site,
      step: row.step,
      block: row.block,
      stepHash: row.step_hash,
      state: 'taken',
      readyAt: row.ready_at,
      worker,
      leaseUntil,
      expiresAt: row.expires_at,
      fence: incidents[index]!.fence + 1,
    },
    incident: toIncidentRecord(incidents[index]!),
  }));
}

/** Writes down who does it, with lease and fence number, for work that is done again when that ends. */
export async function holdWork(tx: Writer, picked: readonly WorkRecord[]): Promise<void> {
  if (picked.length === 0) return;
  const mine = picked.map(({ leaseUntil: lease_until, ...work }) => ({ ...work, lease_until }));
  await sql`update work set state = 'taken', worker = mine.worker, lease_until = mine.lease_until, fence = mine.fence
    from ${rowSet(tx, 'mine', HOLD_COLUMNS, mine)} where work.incident = mine.incident`.execute(tx);
}

/** True when `pickWork` would find something: a read, so that looking costs no write. */
export async function hasReadyWork(
  db: Reader,
  { sites, now }: Pick<Taking, 'sites' | 'now'>,
): Promise<boolean> {
  if (sites?.length === 0) return false;
  const row = await db
    .selectFrom('work')
    .select('incident')
    .where('state', '=', 'ready')
    .where('ready_at', '<=', now)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .$if(sites !== null, (query) => query.where('site', 'in', sites ?? []))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Holds these incidents until the transaction ends, in the order of their ids, so that nobody waits in a circle. */
export async function lockIncidents(tx: Writer, incidents: readonly string[]): Promise<void> {
  await hold(tx, incidents);
}

/**
 * Prolongs the leases of what a worker does.
 * @returns those that it still holds; the others were given up, or taken from it
 */
export async function renewWork(
  tx: Writer,
  held: { readonly attempts: readonly { id: string; fence: number }[]; readonly work: readonly Holding[] },
  leaseUntil: number,
): Promise<{ attempts: ReadonlySet<string>; incidents: ReadonlySet<string> }> {
  const attempts =
    held.attempts.length === 0
      ? []
      : await tx
          .updateTable('step_attempts')
          .set({ lease_until: leaseUntil, state: 'running' })
          .where('state', 'in', ['intended', 'running'])
          .where(isHeld(tx, 'id', held.attempts))
          .returning('id')
          .execute();
  const work =
    held.work.length === 0
      ? []
      : await tx
          .updateTable('work')
          .set({ lease_until: leaseUntil })
          .where('state', '=', 'taken')
          .where(isHeld(tx, 'incident', held.work))
          .returning('incident')
          .execute();
  return {
    attempts: new Set(attempts.map(({ id }) => id)),
    incidents: new Set(work.map(({ incident }) => incident)),
  };
}

/** Its fence number is still the holder's. */
function isHeld<Key extends string>(
  tx: Writer,
  key: Key,
  holdings: readonly ({ readonly fence: number } & { readonly [Name in Key]: string })[],
) {
  const columns = { [key]: 'text', fence: 'integer' } as const;
  const ref = sql.ref(key);
  return sql<SqlBool>`(${ref}, fence) in (select ${ref}, fence from ${rowSet(tx, 'held', columns, holdings)})`;
}

/**
 * Ends the work that these holdings are about; what comes next is put anew.
 * @returns the incidents whose holding was still good: the others' results came too late
 */
export async function finishWork(tx: Writer, holdings: readonly Holding[]): Promise<ReadonlySet<string>> {
  if (holdings.length === 0) return new Set();
  const ended = await tx
    .deleteFrom('work')
    .where('state', '=', 'taken')
    .where(isHeld(tx, 'incident', holdings))
    .returning('incident')
    .execute();
  return new Set(ended.map(({ incident }) => incident));
}

/**
 * Makes work ready again that was taken and not done: its holder's fence number no longer counts. Only for what
 * changes nothing when it is done again.
 * @param readyAt not to be taken before
 * @returns how many there were
 */
export async function releaseWork(
  tx: Writer,
  holdings: readonly Holding[],
  readyAt: number,
): Promise<number> {
  if (holdings.length === 0) return 0;
  const released = await tx
    .updateTable('work')
    .set({ state: 'ready', worker: null, lease_until: null, ready_at: readyAt })
    .where('state', '=', 'taken')
    .where(isHeld(tx, 'incident', holdings))
    .returning('incident')
    .execute();
  return released.length;
}

/** What workers hold and do again when they fall silent, oldest lease first. */
export async function listTakenWork(db: Reader, limit = 1_000): Promise<WorkRecord[]> {
  const rows = await db
    .selectFrom('work')
    .selectAll()
    .where('state', '=', 'taken')
    .orderBy('lease_until')
    .limit(limit)
    .execute();
  return rows.map(toRecord);
}

/** The work of one incident, for those who look at it. */
export async function findWork(db: Reader, incident: string): Promise<WorkRecord | null> {
  const row = await db.selectFrom('work').selectAll().where('incident', '=', incident).executeTakeFirst();
  return row ? toRecord(row) : null;
}

function toRecord(row: WorkRow): WorkRecord {
  return {
    incident: row.incident,
    kind: row.kind as WorkKind,
    site: row.site,
    step: row.step,
    block: row.block,
    stepHash: row.step_hash,
    state: row.state === 'taken' ? 'taken' : 'ready',
    readyAt: row.ready_at,
    worker: row.worker,
    leaseUntil: row.lease_until,
    expiresAt: row.expires_at,
    fence: row.fence,
  };
}
