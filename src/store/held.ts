/**
 * Incidents that a transaction holds. Nobody else changes them before it ends: so each is read once, changed in memory,
 * and written once, when the transaction ends.
 */
import { sql } from 'kysely';
import { forUpdate, type Writer } from './database.ts';
import { type Columns, oneOf, rowSet } from './row-set.ts';
import type { IncidentRow } from './schema.ts';
import { type Gathered, gatheredIn } from './transaction.ts';

/** What may change of an incident. */
const CHANGEABLE = {
  runbook: 'text',
  runbook_hash: 'text',
  state: 'text',
  snapshot: 'text',
  is_open: 'integer',
  alert_count: 'integer',
  updated_at: 'bigint',
  closed_at: 'bigint',
  seq: 'integer',
  head_hash: 'text',
  fence: 'integer',
  assignee: 'text',
  waiting: 'text',
} as const satisfies Partial<Columns<IncidentRow>>;

type Changeable = keyof typeof CHANGEABLE;

/** Holds them, in the order of their ids, until the transaction ends. Those that are not there are not in the answer. */
export async function hold(
  tx: Writer,
  ids: Iterable<string>,
): Promise<ReadonlyMap<string, Readonly<IncidentRow>>> {
  const { incidents } = gatheredIn(tx);
  const missing = [...new Set(ids)].filter((id) => !incidents.has(id)).toSorted();
  if (missing.length > 0) {
    const query = tx
      .selectFrom('incidents')
      .selectAll()
      .where(oneOf(tx, 'id', missing))
      .orderBy('id');
    noteHeld(tx, await forUpdate(tx, query).execute());
  }
  return incidents;
}

/**
 * @param rows that this transaction has just read and holds, or has just inserted
 * @returns them as they are to be: some may have changed in memory before
 */
export function noteHeld(tx: Writer, rows: readonly IncidentRow[]): IncidentRow[] {
  const { incidents } = gatheredIn(tx);
  return rows.map((row) => {
    const known = incidents.get(row.id);
    if (known) return known;
    incidents.set(row.id, row);
    return row;
  });
}

/** @throws TypeError when this transaction does not hold it */
export function changeHeld(tx: Writer, id: string, change: Partial<Pick<IncidentRow, Changeable>>): void {
  const { incidents, changed } = gatheredIn(tx);
  const row = incidents.get(id);
  if (!row) throw new TypeError(`this transaction does not hold incident ${id}`);
  incidents.set(id, { ...row, ...change });
  const columns = changed.get(id) ?? new Set();
  for (const column of Object.keys(change) as Changeable[]) columns.add(column);
  changed.set(id, columns);
}

/** Writes what has changed. */
export async function writeHeld(tx: Writer, { incidents, changed }: Gathered): Promise<void> {
  if (changed.size === 0) return;
  const columns = (Object.keys(CHANGEABLE) as Changeable[]).filter((column) =>
    [...changed.values()].some((some) => some.has(column)),
  );
  const types = Object.fromEntries(columns.map((column) => [column, CHANGEABLE[column]]));
  const rows = [...changed.keys()].map((id) => incidents.get(id)!);
  const changes = sql.raw(columns.map((column) => `"${column}" = changed."${column}"`).join(', '));
  await sql`update incidents set ${changes}
    from ${rowSet(tx, 'changed', { id: 'text', ...types } as Columns<IncidentRow>, rows)}
    where incidents.id = changed.id`.execute(tx);
  changed.clear();
}
