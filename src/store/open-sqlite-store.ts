import { resolve } from 'node:path';
import { Kysely } from 'kysely';
import { systemClock } from '../kernel/index.ts';
import { openChain } from './chain.ts';
import { Listeners } from './listeners.ts';
import { migrate } from './migrate.ts';
import type { Schema } from './schema.ts';
import { NodeSqliteDialect, openSqlite } from './sqlite.ts';
import { SqliteChanges } from './sqlite-changes.ts';
import type { Store, StoreOptions } from './store.ts';
import { writer } from './writing.ts';

/** Errors: as `openStore`. */
export async function openSqliteStore(path: string, options: StoreOptions): Promise<Store> {
  const { clock = systemClock, busyMs = 5_000 } = options;
  const file = path === ':memory:' ? path : resolve(path);
  const database = openSqlite(file, busyMs);
  const db = new Kysely<Schema>({ dialect: new NodeSqliteDialect({ database, file, busyMs }) });
  try {
    await migrate(db, file);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const listeners = new Listeners();
  const changes = new SqliteChanges(database, listeners);
  return {
    kind: 'sqlite',
    location: file,
    db,
    write: writer(db, openChain(null), () => listeners.call()),
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
