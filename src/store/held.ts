/**
 * Incidents that a transaction holds. Nobody else changes them before it ends: so each is read once, changed in memory,
 * and written once, when the transaction ends.
 */
import { sql } from 'kysely';
import { forUpdate, type Writer } from './database.ts';
import { inParts } from './in-parts.ts';
import type { IncidentRow } from './schema.ts';
import { type Gathered, gatheredIn } from './transaction.ts';

/** What may change of an incident, and its type in a list of values. */
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
} as const satisfies { readonly [Column in keyof IncidentRow]?: string };

type Changeable = keyof typeof CHANGEABLE;

/** Holds them, in the order of their ids, until the transaction ends. Those that are not there are not in the answer. */
export async function hold(
  tx: Writer,
  ids: Iterable<string>,
): Promise<ReadonlyMap<string, Readonly<IncidentRow>>> {
  const { incidents } = gatheredIn(tx);
  const missing = [...new Set(ids)].filter((id) => !incidents.has(id)).toSorted();
  for (const part of inParts(missing)) {
    const query = tx.selectFrom('incidents').selectAll().where('id', 'in', part).orderBy('id');
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
  const names = sql.join(columns.map((column) => sql.ref(column)));
  const changes = sql.join(columns.map((column) => sql`${sql.ref(column)} = changed.${sql.ref(column)}`));
  for (const part of inParts([...changed.keys()])) {
    const values = part.map((id) => sql`(${id}, ${sql.join(valuesOf(incidents.get(id)!, columns))})`);
    await sql`with changed(id, ${names}) as (values ${sql.join(values)})
      update incidents set ${changes} from changed where incidents.id = changed.id`.execute(tx);
  }
  changed.clear();
}

function valuesOf(row: IncidentRow, columns: readonly Changeable[]) {
  return columns.map((column) => sql`cast(${row[column]} as ${sql.raw(CHANGEABLE[column])})`);
}
