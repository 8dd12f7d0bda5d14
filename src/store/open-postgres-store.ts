import { Kysely, sql } from 'kysely';
import { AllclearError, systemClock } from '../kernel/index.ts';
import { settleKey } from './audit-key.ts';
import { type Chain, openChain } from './chain.ts';
import { DatabaseTime } from './database-time.ts';
import { Listeners } from './listeners.ts';
import { migrate } from './migrate.ts';
import { openPool, PoolDialect } from './postgres.ts';
import { PostgresChanges } from './postgres-changes.ts';
import { type Place, readPlace } from './postgres-place.ts';
import type { Schema } from './schema.ts';
import type { Store, StoreOptions } from './store.ts';
import { reading, writer } from './writing.ts';

/** The oldest that its makers still keep up. */
const OLDEST = 14;

/** Errors: as `openStore`. */
export async function openPostgresStore(url: string, options: StoreOptions): Promise<Store> {
  const { clock, busyMs = 5_000 } = options;
  const place = readPlace(url);
  const pool = openPool(place, busyMs);
  const db = new Kysely<Schema>({ dialect: new PoolDialect(pool, place) });
  const time = new DatabaseTime(() => askTime(db), systemClock);
  const chain = openChain(options.auditKey ?? null);
  const now = clock ? () => clock.now() : () => time.now();
  const listeners = new Listeners();
  const changes = new PostgresChanges(place, pool, listeners);
  const write = writer(db, chain, () => {
    listeners.call();
    changes.announce();
  });
  const parts = { db, chain, place, time, now, listeners, changes, write };
  try {
    await requireSuitable(db, place);
    await migrate(db, place.shown);
    await time.start();
    await settleKey({ db, write: parts.write, chain, location: place.shown, now });
  } catch (error) {
    time.stop();
    await db.destroy();
    throw error;
  }
  return assemble(parts);
}

interface Parts {
  readonly db: Kysely<Schema>;
  readonly chain: Chain;
  readonly place: Place;
  readonly time: DatabaseTime;
  readonly now: () => number;
  readonly listeners: Listeners;
  readonly changes: PostgresChanges;
  readonly write: Store['write'];
}

function assemble({ db, chain, place, time, now, listeners, changes, write }: Parts): Store {
  return {
    kind: 'postgres',
    location: place.shown,
    chain,
    db,
    write,
    snapshot: (work) => reading(db, work),
    now,
    onChange: (listener) => {
      const stop = listeners.add(listener);
      void changes.listen();
      return stop;
    },
    close: async () => {
      time.stop();
      await changes.close();
      await db.destroy();
    },
  };
}

async function askTime(db: Kysely<Schema>): Promise<number> {
  const { rows } = await sql<{ at: number }>`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as at`.execute(db);
  return rows[0]!.at;
}

interface Server {
  readonly version: number;
  readonly encoding: string;
  readonly standby: boolean;
}

/** @throws `E_STORE_UNUSABLE` for a server or database that cannot keep a store */
async function requireSuitable(db: Kysely<Schema>, { shown }: Place): Promise<void> {
  const { rows } = await sql<Server>`
    select current_setting('server_version_num')::int / 10000 as version,
      current_setting('server_encoding') as encoding, pg_is_in_recovery() as standby`.execute(db);
  const { version, encoding, standby } = rows[0]!;
  if (version < OLDEST) {
    throw unsuitable(shown, `PostgreSQL ${version} is too old`, `Use PostgreSQL ${OLDEST} or newer.`);
  }
  if (encoding !== 'UTF8') {
    throw unsuitable(
      shown,
      `the database keeps text as ${encoding}, which cannot hold all of it`,
      'Create one with: createdb --encoding=UTF8 --template=template0 NAME.',
    );
  }
  if (standby) {
    throw unsuitable(
      shown,
      'the server is a standby, which cannot be written',
      'Give the address of the primary.',
    );
  }
}

function unsuitable(shown: string, what: string, next: string): AllclearError {
  return new AllclearError('E_STORE_UNUSABLE', { what, next, file: shown });
}
