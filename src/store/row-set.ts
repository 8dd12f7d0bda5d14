/**
 * Rows, or keys, that go into a statement as one parameter. Its text is then the same for any number of them: it is put
 * together quickly, and a database that keeps prepared statements prepares it once.
 */
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import { isPostgres, type Reader, type Writer } from './database.ts';
import type { Schema } from './schema.ts';
import { storable } from './storable.ts';

export type SqlType = 'text' | 'integer' | 'bigint';

/** The columns of rows, and their types. */
export type Columns<Row> = { readonly [Column in keyof Row & string]: SqlType };

/**
 * For a `from`: the rows as a table of this name.
 * @param columns in this order; what else the rows have is left out
 */
export function rowSet<Row extends object>(
  db: Reader,
  name: string,
  columns: Columns<Row>,
  rows: readonly NoInfer<Row>[],
): RawBuilder<unknown> {
  const names = namesOf(columns);
  const json = JSON.stringify(
    rows.map((row) => Object.fromEntries(names.map((column) => [column, storable(row[column])]))),
  );
  if (isPostgres(db)) {
    const typed = names.map((column) => `"${column}" ${columns[column]}`).join(', ');
    return sql`json_to_recordset(cast(${json} as json)) as ${sql.raw(`"${name}"(${typed})`)}`;
  }
  const values = names.map((column) => `value ->> '${column}' as "${column}"`).join(', ');
  return sql`(select ${sql.raw(values)} from json_each(${json})) as ${sql.raw(`"${name}"`)}`;
}

/** A condition: the column has one of these values. */
export function oneOf(db: Reader, column: string, values: readonly string[]): RawBuilder<SqlBool> {
  const kept = values.map(storable);
  return isPostgres(db)
    ? sql<SqlBool>`${sql.ref(column)} = any(${kept})`
    : sql<SqlBool>`${sql.ref(column)} in (select value from json_each(${JSON.stringify(kept)}))`;
}

/** Inserts any number of rows. @throws a unique violation */
export async function insertRows<Row extends object>(
  tx: Writer,
  table: keyof Schema,
  columns: Columns<Row>,
  rows: readonly NoInfer<Row>[],
): Promise<void> {
  if (rows.length > 0) await insertQuery(tx, table, columns, rows).execute(tx);
}

/** The statement without its end, to which `on conflict` can be added. */
export function insertQuery<Row extends object>(
  tx: Writer,
  table: keyof Schema,
  columns: Columns<Row>,
  rows: readonly NoInfer<Row>[],
): RawBuilder<unknown> {
  const names = sql.raw(
    namesOf(columns)
      .map((column) => `"${column}"`)
      .join(', '),
  );
  // Without a `where` SQLite would take a following `on` for that of a join.
  return sql`insert into ${sql.table(table)} (${names})
    select ${names} from ${rowSet(tx, 'new', columns, rows)} where true`;
}

function namesOf<Row>(columns: Columns<Row>): (keyof Row & string)[] {
  return Object.keys(columns) as (keyof Row & string)[];
}
