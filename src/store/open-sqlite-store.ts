import { resolve } from 'node:path';
import { Kysely } from 'kysely';
import { systemClock } from '../kernel/index.ts';
import { settleKey } from './audit-key.ts';
import { openChain } from './chain.ts';
import type { Reader } from './database.ts';
import { Listeners } from './listeners.ts';
import { migrate } from './migrate.ts';
import type { Schema } from './schema.ts';
import { NodeSqliteDialect, openSqlite, openSqliteForReading } from './sqlite.ts';
import { SqliteChanges } from './sqlite-changes.ts';
import type { Store, StoreOptions } from './store.ts';
import { reading, writer } from './writing.ts';

/** Errors: as `openStore`. */
export async function openSqliteStore(path: string, options: StoreOptions): Promise<Store> {
  const { clock = systemClock, busyMs = 5_000 } = options;
  const chain = openChain(options.auditKey ?? null);
  const file = path === ':memory:' ? path : resolve(path);
  const database = openSqlite(file, busyMs);
  const db = new Kysely<Schema>({ dialect: new NodeSqliteDialect({ database, file, busyMs }) });
  const listeners = new Listeners();
  const write = writer(db, chain, () => listeners.call());
  try {
    await migrate(db, file);
    await settleKey({ db, write, chain, location: file, now: () => clock.now() });
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const changes = new SqliteChanges(database, listeners);
  return {
    kind: 'sqlite',
    location: file,
    chain,
    db,
    write,
    snapshot: (work) => (file === ':memory:' ? reading(db, work) : beside(file, busyMs, work)),
    now: () => clock.now(),
    onChange: (listener) => {
      const stop = listeners.add(listener);
      changes.listen();
      return stop;
    },
    close: async () => {
      changes.close();
      await db.destroy();
    },
  };
}

/** With a connection of its own: the store's goes on writing. */
async function beside<T>(file: string, busyMs: number, work: (db: Reader) => Promise<T>): Promise<T> {
  const database = openSqliteForReading(file, busyMs);
  const db = new Kysely<Schema>({ dialect: new NodeSqliteDialect({ database, file, busyMs }) });
  try {
    return await reading(db, work);
  } finally {
    await db.destroy();
    if (database.isOpen) database.close();
  }
}
