import { resolve } from 'node:path';
import { Kysely, type Transaction } from 'kysely';
import { Migrator } from 'kysely/migration';
import { AllclearError, type Clock, systemClock } from '../kernel/index.ts';
import { migrations } from './migrations/index.ts';
import type { Schema } from './schema.ts';
import { NodeSqliteDialect, openSqlite } from './sqlite.ts';

/** What repositories read from: the store, or a transaction of it. */
export type Reader = Kysely<Schema>;

/** What repositories write to: always a transaction. */
export type Writer = Transaction<Schema>;

export interface Store {
  readonly kind: 'sqlite' | 'postgres';
  /** The file, or the server and database without the password, for messages. */
  readonly location: string;
  /** For reading outside a transaction. */
  readonly db: Reader;
  /**
   * Runs `work` in one transaction and commits it durably. Keep it short and await nothing but the
   * database in it: other processes wait meanwhile.
   * Errors: `E_STORE_BUSY`, `E_STORE_UNUSABLE`; whatever `work` throws rolls it back.
   */
  write<T>(work: (tx: Writer) => Promise<T>): Promise<T>;
  /** Epoch ms by which leases are judged; the same for every process that shares the store. */
  now(): number;
  /**
   * Calls `listener` soon after anything may have been committed, by this or another process; it looks for
   * itself what. Returns how to stop.
   */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

export interface StoreOptions {
  readonly clock?: Clock;
  /** Milliseconds to wait for another program's transaction before `E_STORE_BUSY`. Default 5,000. */
  readonly busyMs?: number;
}

/**
 * Opens the store and brings its schema up to date.
 * @param location a file path, or `:memory:`
 * @throws `E_STORE_UNUSABLE`, `E_STORE_BUSY`, `E_STORE_NEWER`, `E_BAD_VALUE` for an unknown kind of location
 */
export async function openStore(location: string, options: StoreOptions = {}): Promise<Store> {
  const { clock = systemClock, busyMs = 5_000 } = options;
  if (/^[a-z][a-z0-9+]*:\/\//i.test(location)) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `this version keeps its store in a file; it does not know ${location.split('://')[0]}://`,
      next: 'Set ALLCLEAR_STORE to a file path, or leave it unset.',
    });
  }
  const file = location === ':memory:' ? location : resolve(location);
  const db = new Kysely<Schema>({ dialect: new NodeSqliteDialect(openSqlite(file, busyMs), file) });
  try {
    await migrate(db, file);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const listeners = new Set<() => void>();
  return {
    kind: 'sqlite',
    location: file,
    db,
    write: async (work) => {
      const result = await db.transaction().execute(work);
      for (const listener of listeners) listener();
      return result;
    },
    now: () => clock.now(),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => db.destroy(),
  };
}

async function migrate(db: Kysely<Schema>, file: string): Promise<void> {
  const applied = await appliedMigrations(db);
  const known = Object.keys(migrations);
  const newer = applied.find((name) => !known.includes(name));
  if (newer !== undefined) {
    throw new AllclearError('E_STORE_NEWER', {
      what: `a newer Allclear has written this store (it has the migration ${newer})`,
      next: 'Run that version, or set ALLCLEAR_HOME to another folder.',
      file,
    });
  }
  if (applied.length === known.length) return;
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } });
  const { error } = await migrator.migrateToLatest();
  if (error) throw error;
}

async function appliedMigrations(db: Kysely<Schema>): Promise<string[]> {
  const table = 'kysely_migration' as never;
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((found) => found.name === table)) {
    requireOurs(tables.map((found) => found.name));
    return [];
  }
  const rows = await db
    .selectFrom(table)
    .select(['name' as never])
    .execute();
  return (rows as { name: string }[]).map((row) => row.name);
}

/** A database of another program is left alone. */
function requireOurs(tables: readonly string[]): void {
  const foreign = tables.find((name) => !name.startsWith('kysely_'));
  if (foreign === undefined) return;
  throw new AllclearError('E_STORE_UNUSABLE', {
    what: `this database belongs to another program (it has a table ${foreign})`,
    next: 'Set ALLCLEAR_STORE to another file.',
  });
}
