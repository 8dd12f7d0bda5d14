/** How much there is of what, for metrics. Every query is one pass over an index or a small table. */
import type { Reader } from './database.ts';
import { fromJson } from './json.ts';

/** Incidents whose `waiting` is looked at; more wait together for longer than anybody reads. */
const MAX_WAITING = 10_000;

export interface StoreFigures {
  /** By state; open ones and those that are over. */
  readonly incidents: ReadonlyMap<string, number>;
  /** What open incidents wait for, by its kind, with the longest wait's start (epoch ms). */
  readonly waiting: ReadonlyMap<string, { readonly count: number; readonly since: number }>;
  /** Work that a worker could take. */
  readonly ready: readonly { readonly site: string; readonly count: number; readonly since: number }[];
  /** Work that a worker has taken. */
  readonly taken: number;
  /** Attempts of steps, by what came of them. */
  readonly attempts: ReadonlyMap<string, number>;
  /** Attempts that were interrupted, and wait for a decision. */
  readonly unknown: number;
  /** Checks that could not run in the last diagnosis of their runbook. */
  readonly broken: ReadonlyMap<string, number>;
}

/** @param now epoch ms */
export async function storeFigures(db: Reader, now: number): Promise<StoreFigures> {
  return {
    incidents: await byState(db),
    waiting: await whatIsWaitedFor(db),
    ...(await workFigures(db, now)),
    ...(await attemptFigures(db)),
    broken: await brokenChecks(db),
  };
}

async function byState(db: Reader): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('incidents')
    .select((eb) => ['state', eb.fn.countAll().as('count')])
    .groupBy('state')
    .execute();
  return new Map(rows.map(({ state, count }) => [state, Number(count)]));
}

async function whatIsWaitedFor(db: Reader): Promise<Map<string, { count: number; since: number }>> {
  const rows = await db
    .selectFrom('incidents')
    .select(['waiting', 'updated_at'])
    .where('is_open', '=', 1)
    .where('waiting', 'is not', null)
    .limit(MAX_WAITING)
    .execute();
  const waiting = new Map<string, { count: number; since: number }>();
  for (const row of rows) {
    const kind = kindOf(fromJson(row.waiting!));
    const known = waiting.get(kind);
    if (known) {
      known.count += 1;
      known.since = Math.min(known.since, row.updated_at);
    } else waiting.set(kind, { count: 1, since: row.updated_at });
  }
  return waiting;
}

function kindOf(waiting: unknown): string {
  if (typeof waiting !== 'object' || waiting === null || !('kind' in waiting)) return 'other';
  return typeof waiting.kind === 'string' ? waiting.kind : 'other';
}

async function workFigures(db: Reader, now: number): Promise<Pick<StoreFigures, 'ready' | 'taken'>> {
  const ready = await db
    .selectFrom('work')
    .select((eb) => ['site', eb.fn.countAll().as('count'), eb.fn.min('ready_at').as('since')])
    .where('state', '=', 'ready')
    .where('ready_at', '<=', now)
    .groupBy('site')
    .execute();
  const taken = await db
    .selectFrom('work')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('state', '=', 'taken')
    .executeTakeFirstOrThrow();
  return {
    ready: ready.map(({ site, count, since }) => ({ site, count: Number(count), since })),
    taken: Number(taken.count),
  };
}

async function attemptFigures(db: Reader): Promise<Pick<StoreFigures, 'attempts' | 'unknown'>> {
  const rows = await db
    .selectFrom('step_attempts')
    .select((eb) => ['state', eb.fn.countAll().as('count')])
    .groupBy('state')
    .execute();
  const undecided = await db
    .selectFrom('step_attempts')
    .innerJoin('incidents', 'incidents.id', 'step_attempts.incident')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('step_attempts.state', '=', 'unknown')
    .where('step_attempts.decision', 'is', null)
    .where('incidents.is_open', '=', 1)
    .executeTakeFirstOrThrow();
  return {
    attempts: new Map(rows.map(({ state, count }) => [state, Number(count)])),
    unknown: Number(undecided.count),
  };
}

async function brokenChecks(db: Reader): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('evidence')
    .innerJoin(
      (eb) =>
        eb
          .selectFrom('evidence')
          .select((last) => ['runbook', last.fn.max('at').as('at')])
          .where('subject', '=', 'verdict')
          .groupBy('runbook')
          .as('last'),
      (join) => join.onRef('last.runbook', '=', 'evidence.runbook').onRef('evidence.at', '>=', 'last.at'),
    )
    .select((eb) => ['evidence.runbook', eb.fn.count('evidence.subject').distinct().as('count')])
    .where('evidence.kind', '=', 'broken')
    .groupBy('evidence.runbook')
    .execute();
  return new Map(rows.map(({ runbook, count }) => [runbook, Number(count)]));
}
