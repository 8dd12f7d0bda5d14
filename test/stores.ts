/** The same suite on both stores. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect } from 'vitest';
import { openStore, type Store, type StoreOptions } from '../src/store/index.ts';
import { type FreshDatabase, freshDatabase, postgresMissing, sharedPostgres } from './postgres.ts';

/** Starting a server, or dropping a database, on a busy machine. */
const SLOW_MS = 60_000;

export interface Fresh {
  readonly kind: Store['kind'];
  /** The location of a new, empty store: the same one during a test, gone after it. */
  location(): Promise<string>;
  /** Opens it, as often as the test likes; closed after the test. */
  open(options?: StoreOptions): Promise<Store>;
}

/**
 * Declares `tests` twice, on SQLite and on PostgreSQL. A connection that a closed store leaves behind fails the test.
 * Where PostgreSQL is missing its half is skipped, and said to be.
 */
export function onEachStore(name: string, tests: (fresh: Fresh) => void): void {
  describe(`${name} (SQLite)`, () => tests(sqlite()));
  describe.skipIf(postgresMissing !== null)(`${name} (PostgreSQL)`, () => tests(postgres()));
}

function sqlite(): Fresh {
  let folder: string | undefined;
  const location = async () => {
    folder ??= mkdtempSync(join(tmpdir(), 'allclear-store-'));
    return join(folder, 'allclear.db');
  };
  afterEach(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    folder = undefined;
  });
  return { kind: 'sqlite', location, open: opener(location) };
}

function postgres(): Fresh {
  beforeAll(async () => void (await sharedPostgres()), SLOW_MS);
  let made: Promise<FreshDatabase> | undefined;
  const location = async () => {
    made ??= freshDatabase();
    return (await made).url;
  };
  afterEach(async () => {
    if (made === undefined) return;
    const database = await made;
    made = undefined;
    const left = await connectionsLeft(database);
    await database.drop();
    expect(left, 'connections that a closed store has left behind').toEqual([]);
  }, SLOW_MS);
  return { kind: 'postgres', location, open: opener(location) };
}

/** Hooks run in reverse order: this one, declared last, closes the stores before their location goes. */
function opener(location: () => Promise<string>): Fresh['open'] {
  let stores: Store[] = [];
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    stores = [];
  });
  return async (options) => {
    const store = await openStore(await location(), options);
    stores.push(store);
    return store;
  };
}

/** The server needs a moment to notice that a connection was closed. */
async function connectionsLeft({ name, server }: FreshDatabase): Promise<unknown[]> {
  const ask = () => server.query(`select pid, state, query from pg_stat_activity where datname = '${name}'`);
  let left = await ask();
  for (let attempt = 0; left.length > 0 && attempt < 50; attempt++) {
    await pause(40);
    left = await ask();
  }
  return left;
}
