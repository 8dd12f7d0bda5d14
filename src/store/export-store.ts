import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Reader } from './database.ts';
import type { Store } from './store.ts';
import {
  anyTable,
  type Counts,
  countRows,
  FORMAT,
  type Header,
  schemaName,
  type TableName,
  type Trailer,
  tableNames,
  tables,
} from './transfer-format.ts';

const PAGE = 200;

/**
 * Writes the whole store as of one moment, in pages. The same rows give the same bytes, from either database.
 * @param write resolves when more may come. Errors: its own, and those of reading
 * @returns the rows of each table
 */
export function exportStore(store: Store, write: (text: string) => Promise<void>): Promise<Counts> {
  return store.snapshot(async (db) => {
    const hash = createHash('sha256');
    const put = async (text: string) => {
      hash.update(text);
      await write(text);
    };
    const counts = await countRows(db);
    const header: Header = { 'allclear-store': FORMAT, schema: schemaName(), counts };
    await put(`${JSON.stringify(header)}\n`);
    let rows = 0;
    for (const table of tableNames) rows += await exportTable(db, table, put);
    const trailer: Trailer = { rows, sha256: hash.digest('hex') };
    await write(`${JSON.stringify(trailer)}\n`);
    return counts;
  });
}

async function exportTable(
  db: Reader,
  table: TableName,
  put: (text: string) => Promise<void>,
): Promise<number> {
  const key = tables[table];
  const columns = sql.join(key.map((column) => sql.ref(column)));
  let rows = 0;
  let last: Record<string, unknown> | undefined;
  for (;;) {
    let query = anyTable(db).selectFrom(table).selectAll().limit(PAGE);
    for (const column of key) query = query.orderBy(column);
    if (last) {
      const values = sql.join(key.map((column) => sql`${last?.[column]}`));
      query = query.where(sql<boolean>`(${columns}) > (${values})`);
    }
    const page = await query.execute();
    if (page.length > 0)
      await put(page.map((row) => `${JSON.stringify({ table, row: sorted(row) })}\n`).join(''));
    rows += page.length;
    last = page.at(-1);
    if (page.length < PAGE) return rows;
  }
}

/** By the names of the columns: the two databases may have them in another order. */
function sorted(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
