import { type Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { AllclearError } from '../kernel/index.ts';
import { isPostgres } from './database.ts';
import { migrations } from './migrations/index.ts';
import type { Schema } from './schema.ts';

const TABLE = 'kysely_migration';

/**
 * Brings the schema up to date; processes that do so at once wait for each other.
 * @param location named in errors
 * @throws `E_STORE_NEWER`, `E_STORE_UNUSABLE` when the database belongs to another program
 */
export async function migrate(db: Kysely<Schema>, location: string): Promise<void> {
  const schema = isPostgres(db) ? await currentSchema(db) : undefined;
  const applied = await appliedMigrations(db, location, schema);
  const known = Object.keys(migrations);
  const newer = applied.find((name) => !known.includes(name));
  if (newer !== undefined) {
    throw new AllclearError('E_STORE_NEWER', {
      what: `a newer Allclear has written this store (it has the migration ${newer})`,
      next: 'Run that version, or set ALLCLEAR_HOME to another folder.',
      file: location,
    });
  }
  if (applied.length === known.length) return;
  const provider = { getMigrations: async () => ({ ...migrations }) };
  const migrator = new Migrator({
    db,
    provider,
    ...(schema !== undefined && { migrationTableSchema: schema }),
  });
  const { error } = await migrator.migrateToLatest();
  if (error) throw error;
}

/** Where tables are made: the first schema of the search path that is there. */
async function currentSchema(db: Kysely<Schema>): Promise<string> {
  const { rows } = await sql<{ schema: string | null }>`select current_schema() as schema`.execute(db);
  const schema = rows[0]?.schema;
  if (schema) return schema;
  throw new AllclearError('E_STORE_UNUSABLE', {
    what: 'the search path names no schema that is there',
    next: 'Create the schema, or correct search_path for this user or in the URL.',
  });
}

async function appliedMigrations(
  db: Kysely<Schema>,
  location: string,
  schema: string | undefined,
): Promise<string[]> {
  const all = await db.introspection.getTables({ withInternalKyselyTables: true });
  const tables = all.filter((found) => schema === undefined || found.schema === schema);
  if (!tables.some((found) => found.name === TABLE)) {
    requireOurs(
      tables.map((found) => found.name),
      location,
    );
    return [];
  }
  const rows = await db
    .selectFrom(TABLE as never)
    .select(['name' as never])
    .execute();
  return (rows as { name: string }[]).map((row) => row.name);
}

/** A database of another program is left alone. */
function requireOurs(tables: readonly string[], location: string): void {
  const foreign = tables.find((name) => !name.startsWith('kysely_'));
  if (foreign === undefined) return;
  throw new AllclearError('E_STORE_UNUSABLE', {
    what: `this database belongs to another program (it has a table ${foreign})`,
    next: 'Set ALLCLEAR_STORE to another file, or on PostgreSQL to another database or schema.',
    file: location,
  });
}
