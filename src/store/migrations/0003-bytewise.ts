import { type Kysely, sql } from 'kysely';
import { isPostgres } from '../database.ts';

/**
 * On PostgreSQL text is compared byte by byte, as SQLite does it: the same order in lists, the same answer to "begins
 * with", whatever language the database was made for.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  if (!isPostgres(db)) return;
  const { rows } = await sql<{ table: string; column: string }>`
    select table_name as "table", column_name as "column" from information_schema.columns
    where table_schema = current_schema() and data_type = 'text'`.execute(db);
  for (const { table, column } of rows) {
    await sql`alter table ${sql.table(table)} alter column ${sql.ref(column)} type text collate "C"`.execute(
      db,
    );
  }
}
