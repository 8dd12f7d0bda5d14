/**
 * The work queue: for each incident at most one thing that a worker is to do.
 *
 * A row is `ready` until a worker takes it; then it bears the worker's name, a lease and a fence number from the
 * incident's own count. Whoever writes here has locked the incident's row first, or takes what nobody has locked.
 * Everything takes many incidents at once: under load a transaction is shared by what happens together.
 */
import { sql } from 'kysely';
import type { WorkRow } from './schema.ts';
import type { Reader, Store, Writer } from './store.ts';

export type WorkKind = 'diagnose' | 'step' | 'verify';

/** What is to be done next, as the plan says it. */
export type Work =
  | { readonly kind: 'diagnose' | 'verify' }
  | {
      readonly kind: 'step';
      /** From 1. */
      readonly step: number;
      /** From 0. */
      readonly block: number;
      /** Of the rendered step that was approved. */
      readonly stepHash: string;
    };

export interface WorkRecord {
  readonly incident: string;
  readonly work: Work;
  /** Where it must be done; '' anywhere. */
  readonly site: string;
  readonly state: 'ready' | 'taken';
  /** Epoch ms, as all times here: not to be taken before. */
  readonly readyAt: number;
  readonly worker: string | null;
  readonly leaseUntil: number | null;
  readonly fence: number;
}

/** What proves that a worker (still) holds the work of an incident. */
export interface Holding {
  readonly incident: string;
  readonly fence: number;
}

/**
 * Writes down what is to be done next for an incident whose row the caller has locked; null: nothing. Work that is
 * there already stays as it is, also when a worker has taken it; other work takes its place, and the worker that
 * holds it can no longer report.
 */
export async function putWork(
  tx: Writer,
  plans: readonly { incident: string; site: string; work: Work | null; at: number }[],
): Promise<void> {
  const nothing = plans.filter(({ work }) => work === null).map(({ incident }) => incident);
  if (nothing.length > 0) await tx.deleteFrom('work').where('incident', 'in', nothing).execute();
  const rows = plans.flatMap(({ incident, site, work, at }) => {
    if (work === null) return [];
    const step = work.kind === 'step' ? work : null;
    return {
      incident,
      site,
      kind: work.kind,
      step: step?.step ?? null,
      block: step?.block ?? null,
      step_hash: step?.stepHash ?? null,
      state: 'ready',
      ready_at: at,
      made_at: at,
      worker: null,
      lease_until: null,
      fence: 0,
    };
  });
  if (rows.length === 0) return;
  await tx
    .insertInto('work')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .column('incident')
        .doUpdateSet((eb) => ({
          site: eb.ref('excluded.site'),
          kind: eb.ref('excluded.kind'),
          step: eb.ref('excluded.step'),
          block: eb.ref('excluded.block'),
          step_hash: eb.ref('excluded.step_hash'),
          state: 'ready',
          ready_at: eb.ref('excluded.ready_at'),
          made_at: eb.ref('excluded.made_at'),
          worker: null,
          lease_until: null,
        }))
        .where((eb) =>
          eb.or([
            eb('work.kind', '<>', eb.ref('excluded.kind')),
            eb('work.step', 'is distinct from', eb.ref('excluded.step')),
            eb('work.block', 'is distinct from', eb.ref('excluded.block')),
            eb('work.step_hash', 'is distinct from', eb.ref('excluded.step_hash')),
          ]),
        ),
    )
    .execute();
}

export interface Taking {
  readonly worker: string;
  /** Names of sites; null: of any. */
  readonly sites: readonly string[] | null;
  readonly limit: number;
  readonly now: number;
  readonly leaseUntil: number;
}

/**
 * Takes work that is ready, oldest first, with a new fence number for each. On PostgreSQL what another transaction
 * has locked is passed over, so that workers never wait for each other.
 */
export async function takeWork(tx: Writer, store: Store['kind'], taking: Taking): Promise<WorkRecord[]> {
  const { worker, sites, limit, now, leaseUntil } = taking;
  if (limit < 1 || sites?.length === 0) return [];
  // Materialized: as a subquery of the update it would be planned anew for each row, and workers would starve.
  const taken = await tx
    .with(
      (cte) => cte('pick').materialized(),
      (db) =>
        db
          .selectFrom('work')
          .innerJoin('incidents', 'incidents.id', 'work.incident')
          .select('work.incident')
          .where('work.state', '=', 'ready')
          .where('work.ready_at', '<=', now)
          .$if(sites !== null, (query) => query.where('work.site', 'in', sites ?? []))
          .orderBy('work.ready_at')
          .orderBy('work.incident')
          .limit(limit)
          .$if(store === 'postgres', (query) => query.forUpdate(['work', 'incidents']).skipLocked()),
    )
    .updateTable('incidents')
    .from('pick')
    .set((eb) => ({ fence: eb('incidents.fence', '+', 1) }))
    .whereRef('incidents.id', '=', 'pick.incident')
    .returning(['incidents.id', 'incidents.fence'])
    .execute();
  if (taken.length === 0) return [];
  const fences = sql.join(taken.map(({ id, fence }) => sql`(${id}, cast(${fence} as integer))`));
  const { rows } = await sql<WorkRow>`
    with mine(incident, fence) as (values ${fences})
    update work set state = 'taken', worker = ${worker}, lease_until = ${leaseUntil}, fence = mine.fence
    from mine where work.incident = mine.incident
    returning work.incident, kind, site, step, block, step_hash, state, ready_at, made_at, worker, lease_until, work.fence
    `.execute(tx);
  return rows.map(toRecord).toSorted((a, b) => a.readyAt - b.readyAt || (a.incident < b.incident ? -1 : 1));
}

/** True when `takeWork` would find something: a read, so that looking costs no write. */
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
    .$if(sites !== null, (query) => query.where('site', 'in', sites ?? []))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Prolongs all that a worker holds, its attempts too.
 * @returns what it still holds
 */
export async function renewWork(tx: Writer, worker: string, leaseUntil: number): Promise<Holding[]> {
  await tx
    .updateTable('step_attempts')
    .set({ lease_until: leaseUntil, state: 'running' })
    .where('worker', '=', worker)
    .where('state', 'in', ['intended', 'running'])
    .execute();
  return tx
    .updateTable('work')
    .set({ lease_until: leaseUntil })
    .where('worker', '=', worker)
    .where('state', '=', 'taken')
    .returning(['incident', 'fence'])
    .execute();
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
    .where((eb) =>
      eb.or(
        holdings.map(({ incident, fence }) =>
          eb.and([eb('incident', '=', incident), eb('fence', '=', fence)]),
        ),
      ),
    )
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
    .where((eb) =>
      eb.or(
        holdings.map(({ incident, fence }) =>
          eb.and([eb('incident', '=', incident), eb('fence', '=', fence)]),
        ),
      ),
    )
    .returning('incident')
    .execute();
  return released.length;
}

/** What workers hold, oldest lease first. */
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
    work:
      row.kind === 'step'
        ? { kind: 'step', step: row.step!, block: row.block!, stepHash: row.step_hash! }
        : { kind: row.kind as 'diagnose' | 'verify' },
    site: row.site,
    state: row.state as WorkRecord['state'],
    readyAt: row.ready_at,
    worker: row.worker,
    leaseUntil: row.lease_until,
    fence: row.fence,
  };
}
