import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AllclearError } from '../kernel/index.ts';
import { listEvents } from './events.ts';
import { insertIncident } from './incidents.ts';
import { openStore } from './open-store.ts';
import { newIncident } from './testing.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'allclear-store-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const failure = async (work: Promise<unknown>): Promise<AllclearError> =>
  work.then(
    () => expect.fail('it should have failed'),
    (error: AllclearError) => error,
  );

describe('opening the store', () => {
  it('makes missing folders and keeps what was written', async () => {
    const file = join(folder, 'deep', 'er', 'allclear.db');
    const first = await openStore(file);
    await first.write((tx) => insertIncident(tx, newIncident('inc-1')));
    await first.close();
    const second = await openStore(file);
    const rows = await second.db.selectFrom('incidents').select('id').execute();
    expect(rows.map((row) => row.id)).toEqual(['inc-1']);
    await second.close();
  });

  it('commits durably: write-ahead log with full synchronisation', async () => {
    const file = join(folder, 'allclear.db');
    const store = await openStore(file);
    const raw = new DatabaseSync(file);
    expect(raw.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'wal' });
    raw.close();
    await store.close();
  });

  it('names a file that is no database, and what to do', async () => {
    const file = join(folder, 'allclear.db');
    writeFileSync(file, 'this is my shopping list, not a database. '.repeat(100));
    const error = await failure(openStore(file));
    expect(error.code).toBe('E_STORE_UNUSABLE');
    expect(error.details.file).toBe(file);
    expect(error.details.next).toMatch(/Move the file away/);
  });

  it('refuses a database that belongs to another program', async () => {
    const file = join(folder, 'other.db');
    const other = new DatabaseSync(file);
    other.exec('CREATE TABLE bookmarks (url TEXT)');
    other.close();
    const error = await failure(openStore(file));
    expect(error.code).toBe('E_STORE_UNUSABLE');
    expect(error.message).toMatch(/bookmarks/);
  });

  it('refuses a store that a newer version wrote, without touching it', async () => {
    const file = join(folder, 'allclear.db');
    await (await openStore(file)).close();
    const raw = new DatabaseSync(file);
    raw.prepare('INSERT INTO kysely_migration VALUES (?, ?)').run('9999-from-the-future', 'x');
    raw.close();
    const error = await failure(openStore(file));
    expect(error.code).toBe('E_STORE_NEWER');
    expect(error.message).toMatch(/9999-from-the-future/);
  });

  it('makes folder and file for their owner only', async () => {
    const file = join(folder, 'new', 'allclear.db');
    const store = await openStore(file);
    await store.close();
    expect([statSync(join(folder, 'new')).mode & 0o777, statSync(file).mode & 0o777]).toEqual([0o700, 0o600]);
  });

  it('says that a folder in the way is in the way', async () => {
    const file = join(folder, 'allclear.db');
    mkdirSync(file);
    expect((await failure(openStore(file))).code).toBe('E_STORE_UNUSABLE');
    const under = join(folder, 'file', 'allclear.db');
    writeFileSync(join(folder, 'file'), '');
    expect((await failure(openStore(under))).code).toBe('E_STORE_UNUSABLE');
  });

  it('says that its folder is a link that points nowhere', async () => {
    symlinkSync(join(folder, 'not mounted'), join(folder, 'link'));
    for (const below of ['allclear.db', 'deeper/allclear.db']) {
      expect((await failure(openStore(join(folder, 'link', below)))).code).toBe('E_STORE_UNUSABLE');
    }
  });

  it.skipIf(process.getuid?.() === 0)('says that a folder cannot be written', async () => {
    chmodSync(folder, 0o500);
    expect((await failure(openStore(join(folder, 'allclear.db')))).code).toBe('E_STORE_UNUSABLE');
    chmodSync(folder, 0o700);
  });

  it('does not pretend to know other databases', async () => {
    expect((await failure(openStore('mysql://db/allclear'))).code).toBe('E_BAD_VALUE');
  });
});

describe('a transaction', () => {
  it('leaves nothing behind when it fails in the middle', async () => {
    const store = await openStore(':memory:');
    await failure(
      store.write(async (tx) => {
        await insertIncident(tx, newIncident('inc-1'));
        throw new Error('power cut');
      }),
    );
    expect(await store.db.selectFrom('incidents').select('id').execute()).toEqual([]);
    await store.write((tx) => insertIncident(tx, newIncident('inc-2')));
    await store.close();
  });

  it('waits its turn, then says who is in the way, when another program holds the store', async () => {
    const file = join(folder, 'allclear.db');
    const store = await openStore(file, { busyMs: 100 });
    const raw = new DatabaseSync(file);
    raw.exec('BEGIN IMMEDIATE');
    const error = await failure(store.write((tx) => insertIncident(tx, newIncident('inc-1'))));
    expect(error.code).toBe('E_STORE_BUSY');
    expect(error.details.file).toBe(file);
    raw.exec('ROLLBACK');
    raw.close();
    await store.write((tx) => insertIncident(tx, newIncident('inc-1')));
    await store.close();
  });
});

describe('several processes on one file', () => {
  it('open a new store at the same moment and append to one time line without a gap', async () => {
    const file = join(folder, 'new', 'allclear.db');
    const program = join(import.meta.dirname, '../../test/fixtures/store-writer.ts');
    const writers = Array.from({ length: 4 }, (_, number) =>
      promisify(execFile)(process.execPath, [program, file, `writer-${number}`, '40']),
    );
    await Promise.all(writers);
    const store = await openStore(file);
    const events = await listEvents(store.db, 'inc-shared');
    expect(events.map((event) => event.seq)).toEqual(Array.from({ length: 160 }, (_, index) => index + 1));
    for (let number = 0; number < 4; number++) {
      const mine = events.filter((event) => event.actor === `writer-${number}`);
      expect(mine.map((event) => event.data)).toEqual(Array.from({ length: 40 }, (_, index) => ({ index })));
    }
    await store.close();
  });
});
