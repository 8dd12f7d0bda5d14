import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  freshDatabase,
  type PostgresServer,
  postgresMissing,
  sharedPostgres,
  startPostgres,
} from '../../test/postgres.ts';
import { type AllclearError, TestClock } from '../kernel/index.ts';
import { DatabaseTime } from './database-time.ts';
import { appendEvent, listEvents } from './events.ts';
import { findIncident, insertIncident, lockIncident } from './incidents.ts';
import { openStore } from './open-store.ts';
import { newIncident } from './testing.ts';

const failure = async (work: Promise<unknown>): Promise<AllclearError> =>
  work.then(
    () => expect.fail('it should have failed'),
    (error: AllclearError) => error,
  );

async function ownDatabase() {
  const made = await freshDatabase();
  onTestFinished(() => made.drop());
  return made;
}

async function opened(url: string, busyMs?: number) {
  const store = await openStore(url, busyMs === undefined ? {} : { busyMs });
  onTestFinished(() => store.close());
  return store;
}

describe.skipIf(postgresMissing !== null)('opening a store in PostgreSQL', () => {
  beforeAll(async () => void (await sharedPostgres()), 60_000);

  it('says what is wrong, and never the password', async () => {
    const { server, name } = await ownDatabase();
    await server.query("create role limited login password 'right-secret'");
    onTestFinished(() => void server.query('drop role limited'));
    const at = `127.0.0.1:${server.port}`;
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    onTestFinished(() => void silent.close());
    const cases: [string, string, RegExp][] = [
      [`postgres://limited:wrong-secret@${at}/${name}`, 'E_STORE_UNUSABLE', /does not let this user in/],
      [`postgres://limited@${at}/${name}`, 'E_STORE_UNUSABLE', /password/],
      [`postgres://limited:right-secret@${at}/${name}`, 'E_STORE_UNUSABLE', /may not do that/],
      [`postgres://postgres:some-secret@${at}/nowhere`, 'E_STORE_UNUSABLE', /no such database/],
      ['postgres://postgres:some-secret@127.0.0.1:1/x', 'E_STORE_DOWN', /does not answer/],
      ['postgres://postgres:some-secret@host:port:3/x', 'E_BAD_VALUE', /cannot be understood/],
      [`postgres://postgres:some-secret@${at}/${name}?sslmode=verify-full`, 'E_STORE_UNUSABLE', /SSL/],
    ];
    for (const [url, code, what] of cases) {
      const error = await failure(openStore(url));
      expect([error.code, error.message]).toEqual([code, expect.stringMatching(what)]);
      expect(
        JSON.stringify([error.message, error.details.what, error.details.next, error.details.file]),
      ).not.toMatch(/secret/);
    }
  });

  it('wants a database that can keep any text, and one of its own', async () => {
    const { server, url } = await ownDatabase();
    await server.query("create database latin template template0 encoding 'LATIN1' locale 'C'");
    onTestFinished(() => void server.query('drop database latin with (force)'));
    expect((await failure(openStore(server.url('latin')))).message).toMatch(/LATIN1/);
    await server.query('create table bookmarks (url text)', url.split('/').at(-1));
    expect((await failure(openStore(url))).message).toMatch(/bookmarks/);
  });

  it('keeps to its schema, and compares text as SQLite does', async () => {
    const { server, name, url } = await ownDatabase();
    await server.query('create schema ours; create schema theirs', name);
    const [ours, theirs] = await Promise.all(
      ['ours', 'theirs'].map((schema) => opened(`${url}?options=-c%20search_path%3D${schema}`)),
    );
    await ours!.write(async (tx) => {
      for (const id of ['inc-b', 'inc-B', 'inc-a', 'incA']) await insertIncident(tx, newIncident(id));
    });
    expect(await findIncident(theirs!.db, 'inc-a')).toBe(null);
    const ids = await ours!.db.selectFrom('incidents').select('id').orderBy('id').execute();
    expect(ids.map(({ id }) => id)).toEqual(['inc-B', 'inc-a', 'inc-b', 'incA']);
    const others = await server.query(
      `select table_name, column_name from information_schema.columns where table_schema = 'ours'
         and data_type = 'text' and collation_name is distinct from 'C'`,
      name,
    );
    expect(others, 'columns made after 0003-bytewise need the collation "C"').toEqual([]);
  });

  it('says who is in the way after a while, not for ever', async () => {
    const { url } = await ownDatabase();
    const store = await opened(url, 200);
    const other = await opened(url);
    await store.write((tx) => insertIncident(tx, newIncident('inc-1')));
    await other.write(async (tx) => {
      await lockIncident(tx, 'inc-1');
      const blocked = store.write((tx2) => lockIncident(tx2, 'inc-1'));
      expect((await failure(blocked)).code).toBe('E_STORE_BUSY');
    });
  });

  it('tries again when two transactions stand in each other way', async () => {
    const { url } = await ownDatabase();
    const store = await opened(url);
    await store.write(async (tx) => {
      for (const id of ['inc-1', 'inc-2']) await insertIncident(tx, newIncident(id));
    });
    const both = async (first: string, second: string) =>
      store.write(async (tx) => {
        await appendEvent(tx, first, { at: 1, actor: 'a', kind: 'note', data: {} });
        await pause(100);
        await appendEvent(tx, second, { at: 1, actor: 'a', kind: 'note', data: {} });
      });
    await Promise.all([both('inc-1', 'inc-2'), both('inc-2', 'inc-1')]);
    for (const id of ['inc-1', 'inc-2']) expect(await listEvents(store.db, id)).toHaveLength(2);
  });
});

describe.skipIf(postgresMissing !== null)('PostgreSQL that goes away', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({ fsync: true });
  }, 60_000);
  afterAll(() => server.remove());

  it('is used again when it is back; what was acknowledged is there, once', { timeout: 90_000 }, async () => {
    const { url } = await server.freshDatabase();
    const stores = await Promise.all([openStore(url), openStore(url)]);
    await stores[0].write((tx) => insertIncident(tx, newIncident('inc-1')));
    let heard = 0;
    stores[1].onChange(() => {
      heard += 1;
    });
    const acknowledged = new Set<string>();
    const unknown = new Set<string>();
    const codes = new Set<string>();
    let over = false;
    const writing = stores.flatMap((store, number) =>
      [1, 2].map(async (lane) => {
        for (let count = 0; !over; count++) {
          const key = `${number}.${lane}.${count}`;
          try {
            await store.write((tx) =>
              appendEvent(tx, 'inc-1', { at: 1, actor: key, kind: 'note', data: {} }),
            );
            acknowledged.add(key);
          } catch (error) {
            const { code } = error as AllclearError;
            codes.add(code);
            if (code === 'E_STORE_UNKNOWN') unknown.add(key);
            await pause(20);
          }
        }
      }),
    );
    for (const how of ['immediate', 'fast'] as const) {
      await pause(400);
      await server.halt(how);
      await pause(200);
      await server.resume();
    }
    const before = acknowledged.size;
    await expect.poll(() => acknowledged.size, { timeout: 20_000 }).toBeGreaterThan(before + 10);
    over = true;
    await Promise.all(writing);
    expect([...codes].filter((code) => !['E_STORE_DOWN', 'E_STORE_UNKNOWN'].includes(code))).toEqual([]);
    const stored = (await listEvents(stores[0].db, 'inc-1')).map(({ actor }) => actor);
    expect(new Set(stored).size).toBe(stored.length);
    expect([...acknowledged].filter((key) => !stored.includes(key))).toEqual([]);
    expect(stored.filter((key) => !acknowledged.has(key) && !unknown.has(key))).toEqual([]);
    // Who listens is connected again, after a pause of at most 7.5 s.
    await expect
      .poll(
        async () => {
          const known = heard;
          await stores[0].write((tx) => insertIncident(tx, newIncident(`inc-${Math.random()}`)));
          await pause(100);
          return heard > known;
        },
        { timeout: 20_000 },
      )
      .toBe(true);
    await Promise.all(stores.map((store) => store.close()));
  });
});

describe('the time of the database', () => {
  it('goes on by the monotonic clock; setting the local clock changes nothing', async () => {
    const clock = new TestClock();
    let database = 5_000_000;
    const time = new DatabaseTime(async () => database, clock);
    await time.start();
    expect(time.now()).toBe(5_000_000);
    clock.jump(-3_600_000);
    expect(time.now()).toBe(5_000_000);
    database += 1_000;
    await clock.advance(1_000);
    expect(time.now()).toBe(5_001_000);
    // A drift of 2 s is made good at the next anchor.
    database += 22_000;
    await clock.advance(20_000);
    expect(time.now()).toBeGreaterThanOrEqual(5_023_000);
    time.stop();
  });

  it('holds on to the last answer while there is none', async () => {
    const clock = new TestClock();
    let answers = true;
    const time = new DatabaseTime(async () => {
      if (!answers) throw new Error('gone');
      return 1_000;
    }, clock);
    await time.start();
    answers = false;
    await clock.advance(60_000);
    expect(time.now()).toBe(61_000);
    time.stop();
    expect(clock.pending).toBe(0);
  });
});
