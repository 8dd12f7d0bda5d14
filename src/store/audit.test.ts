import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { type Kysely, sql } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { onEachStore } from '../../test/stores.ts';
import { verifyAudit } from './audit.ts';
import { beginKey } from './audit-key.ts';
import { GENESIS, openChain } from './chain.ts';
import { appendEvent, appendEvents, eventLine } from './events.ts';
import { insertIncident, updateIncidentState } from './incidents.ts';
import { tellHeads } from './ledger-heads.ts';
import { openStore } from './open-store.ts';
import type { Schema } from './schema.ts';
import type { Store } from './store.ts';
import { newIncident } from './testing.ts';
import { insertToken } from './tokens.ts';

/** Three incidents with five events each, one of them closed; and a token. */
async function fill(store: Store): Promise<void> {
  for (const id of ['inc-1', 'inc-2', 'inc-3']) {
    await store.write(async (tx) => {
      await insertIncident(tx, newIncident(id));
      const notes = [1, 2, 3, 4].map((at) => ({
        at,
        actor: 'ada',
        kind: 'note',
        data: { text: `note ${at}` },
      }));
      await appendEvents(
        tx,
        notes.map((event) => ({ incident: id, event })),
      );
    });
    await store.write(async (tx) => {
      const open = id !== 'inc-2';
      await updateIncidentState(tx, id, { state: open ? 'open' : 'closed', snapshot: {}, open, at: 5 });
      await appendEvent(tx, id, {
        at: 5,
        actor: 'ada',
        kind: open ? 'note' : 'closed',
        data: { why: 'over' },
      });
    });
  }
  await store.write((tx) =>
    insertToken(tx, {
      id: 't',
      owner: 'o',
      label: 'l',
      role: 'admin',
      hash: 'h',
      at: 6,
      by: 'ada',
      expiresAt: null,
    }),
  );
}

/** What somebody with the right to write the database can do; foreign keys do not hold them up. */
async function tamper(store: Store, work: (db: Kysely<Schema>) => Promise<unknown>): Promise<void> {
  const db = store.db;
  if (store.kind === 'sqlite') await sql`pragma foreign_keys = off`.execute(db);
  else await sql`alter table events drop constraint if exists events_incident_fkey`.execute(db);
  await work(db);
}

const event = (db: Kysely<Schema>, incident: string, seq: number) =>
  db
    .selectFrom('events')
    .selectAll()
    .where('incident', '=', incident)
    .where('seq', '=', seq)
    .executeTakeFirstOrThrow();

const someEvent = fc.record({
  incident: fc.constantFrom('inc-1', 'inc-2', 'inc-3'),
  seq: fc.integer({ min: 1, max: 5 }),
});

/** Each is given the database and changes something in it. */
const tamperings = fc.oneof(
  fc
    .record({
      at: someEvent,
      column: fc.constantFrom('at', 'actor', 'kind', 'data', 'prev_hash', 'hash', 'seq', 'incident'),
    })
    .map(({ at: { incident, seq }, column }) => ({
      what: `change ${column} of ${incident}#${seq}`,
      do: (db: Kysely<Schema>) => {
        const values: Record<string, unknown> = { at: 4_711, seq: 4_712, data: '{}', incident: 'inc-9' };
        const value = values[column] ?? 'f'.repeat(64);
        return db
          .updateTable('events')
          .set({ [column]: value })
          .where('incident', '=', incident)
          .where('seq', '=', seq)
          .execute();
      },
    })),
  someEvent.map(({ incident, seq }) => ({
    what: `delete ${incident}#${seq}`,
    do: (db: Kysely<Schema>) =>
      db.deleteFrom('events').where('incident', '=', incident).where('seq', '=', seq).execute(),
  })),
  someEvent.map(({ incident, seq }) => ({
    what: `cut ${incident} from ${seq} on`,
    do: (db: Kysely<Schema>) =>
      db.deleteFrom('events').where('incident', '=', incident).where('seq', '>=', seq).execute(),
  })),
  fc.constantFrom('inc-1', 'inc-2', 'inc-3').map((incident) => ({
    what: `delete ${incident}`,
    do: async (db: Kysely<Schema>) => {
      await db.deleteFrom('events').where('incident', '=', incident).execute();
      await db.deleteFrom('incidents').where('id', '=', incident).execute();
    },
  })),
  fc
    .tuple(someEvent, someEvent)
    .filter(([a, b]) => a.incident !== b.incident || a.seq !== b.seq)
    .map(([a, b]) => ({
      what: `swap ${a.incident}#${a.seq} and ${b.incident}#${b.seq}`,
      do: async (db: Kysely<Schema>) => {
        const [one, other] = [await event(db, a.incident, a.seq), await event(db, b.incident, b.seq)];
        const put = (to: typeof one, { at, actor, kind, data, hash, prev_hash }: typeof one) =>
          db
            .updateTable('events')
            .set({ at, actor, kind, data, hash, prev_hash })
            .where('incident', '=', to.incident)
            .where('seq', '=', to.seq)
            .execute();
        await put(one, other);
        await put(other, one);
      },
    })),
  fc.constantFrom('inc-1', 'inc-2', 'inc-3').map((incident) => ({
    what: `put an event after the end of ${incident}`,
    do: async (db: Kysely<Schema>) => {
      const last = await event(db, incident, 5);
      const row = { ...last, seq: 6, prev_hash: last.hash, data: '{}' };
      await db
        .insertInto('events')
        .values({ ...row, hash: openChain(null).hash(eventLine(row)) })
        .execute();
    },
  })),
  fc.constantFrom('inc-1', 'inc-2', 'inc-3').map((incident) => ({
    what: `put an incident beside ${incident}`,
    do: (db: Kysely<Schema>) =>
      db
        .insertInto('incidents')
        .columns([
          'id',
          'runbook',
          'title',
          'state',
          'snapshot',
          'labels',
          'is_open',
          'alert_count',
          'opened_at',
          'updated_at',
          'seq',
          'head_hash',
          'fence',
        ])
        .values({
          id: 'inc-8',
          runbook: '',
          title: '',
          state: 'open',
          snapshot: '{}',
          labels: '{}',
          is_open: 1,
          alert_count: 0,
          opened_at: 1,
          updated_at: 1,
          seq: 0,
          head_hash: GENESIS,
          fence: 0,
        } as never)
        .execute(),
  })),
  fc
    .record({
      n: fc.integer({ min: 1, max: 5 }),
      column: fc.constantFrom('at', 'actor', 'kind', 'incident', 'data', 'hash', 'n'),
    })
    .map(({ n, column }) => ({
      what: `change ${column} of line ${n} of the ledger`,
      do: (db: Kysely<Schema>) =>
        db
          .updateTable('ledger')
          .set({ [column]: column === 'at' || column === 'n' ? 4_711 : '"x"' })
          .where('n', '=', n)
          .execute(),
    })),
  fc.integer({ min: 1, max: 5 }).map((n) => ({
    what: `cut the ledger from line ${n} on`,
    do: (db: Kysely<Schema>) => db.deleteFrom('ledger').where('n', '>=', n).execute(),
  })),
);

onEachStore('the audit', (fresh) => {
  it('finds nothing in a store that nobody has touched', async () => {
    const store = await fresh.open();
    expect(await verifyAudit(store)).toMatchObject({
      incidents: 0,
      events: 0,
      ledger: 0,
      head: `0:${GENESIS}`,
    });
    await fill(store);
    expect(await verifyAudit(store)).toMatchObject({
      incidents: 3,
      events: 15,
      ledger: 5,
      findings: [],
      more: 0,
    });
  });

  it('is of one moment, while others go on writing', async () => {
    const store = await fresh.open();
    await fill(store);
    let over = false;
    const writing = (async () => {
      for (let at = 0; !over; at++) {
        await store.write((tx) => appendEvent(tx, 'inc-1', { at, actor: 'ada', kind: 'note', data: {} }));
      }
    })();
    for (let round = 0; round < 5; round++) expect((await verifyAudit(store)).findings).toEqual([]);
    over = true;
    await writing;
  });

  it('finds the tail that was cut together with the row that tells of it, when it knows an earlier head', async () => {
    const store = await fresh.open();
    await fill(store);
    const { head } = await verifyAudit(store);
    expect((await verifyAudit(store, { expect: head })).findings).toEqual([]);
    await tamper(store, async (db) => {
      await db.deleteFrom('ledger').where('n', '=', 5).execute();
      const { n, hash } = await db
        .selectFrom('ledger')
        .selectAll()
        .where('n', '=', 4)
        .executeTakeFirstOrThrow();
      await db
        .updateTable('meta')
        .set({ value: JSON.stringify({ n, hash }) })
        .where('key', '=', 'ledger-head')
        .execute();
    });
    expect((await verifyAudit(store)).findings).toEqual([]);
    expect((await verifyAudit(store, { expect: head })).findings).not.toEqual([]);
  });

  it('holds the time line of an incident that is over against the ledger, though its row was made to fit', async () => {
    const store = await fresh.open();
    await fill(store);
    await tamper(store, async (db) => {
      await db.deleteFrom('events').where('incident', '=', 'inc-2').where('seq', '=', 5).execute();
      const { hash } = await event(db, 'inc-2', 4);
      await db.updateTable('incidents').set({ seq: 4, head_hash: hash }).where('id', '=', 'inc-2').execute();
    });
    expect((await verifyAudit(store)).findings).toMatchObject([{ incident: 'inc-2', seq: 4 }]);
  });

  it('holds a state against what the events lead to', async () => {
    const store = await fresh.open();
    await fill(store);
    const replay = () => ({
      see: () => {},
      differs: ({ id }: { id: string }) => (id === 'inc-3' ? 'it is another' : null),
    });
    expect((await verifyAudit(store, { replay })).findings).toEqual([
      { incident: 'inc-3', seq: null, what: 'it is another' },
    ]);
  });
});

describe('the audit', () => {
  it('finds whatever was done to events, incidents or the ledger', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'allclear-audit-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const good = await openStore(join(folder, 'good.db'));
    await fill(good);
    await good.close();
    await fc.assert(
      fc.asyncProperty(tamperings, async (tampering) => {
        copyFileSync(join(folder, 'good.db'), join(folder, 'bad.db'));
        const store = await openStore(join(folder, 'bad.db'));
        try {
          await tamper(store, tampering.do);
          expect((await verifyAudit(store)).findings, tampering.what).not.toEqual([]);
        } finally {
          await store.close();
        }
      }),
      { numRuns: 80 },
    );
  });
});

onEachStore('an audit key', (fresh) => {
  /** Whoever can write the database but does not know the key, and makes every hash anew. */
  async function forge(store: Store): Promise<void> {
    const plain = openChain(null);
    await tamper(store, async (db) => {
      let prev = GENESIS;
      for (let seq = 1; seq <= 5; seq++) {
        const row = { ...(await event(db, 'inc-1', seq)), prev_hash: prev, data: '{"text":"forged"}' };
        prev = plain.hash(eventLine(row));
        await db
          .updateTable('events')
          .set({ ...row, hash: prev })
          .where('incident', '=', 'inc-1')
          .where('seq', '=', seq)
          .execute();
      }
      await db.updateTable('incidents').set({ head_hash: prev }).where('id', '=', 'inc-1').execute();
    });
  }

  it('is what tells a chain that was made anew from the one that was there', async () => {
    const plain = await fresh.open();
    await fill(plain);
    await forge(plain);
    expect((await verifyAudit(plain)).findings).toEqual([]);
  });

  it('binds what is written with it', async () => {
    const store = await fresh.open({ auditKey: 'secret' });
    await fill(store);
    expect(await verifyAudit(store)).toMatchObject({ keyed: true, findings: [] });
    await forge(store);
    expect((await verifyAudit(store)).findings.length).toBeGreaterThan(0);
  });

  it('keeps out whoever does not know it, or brings one to a store that has none', async () => {
    await fill(await fresh.open({ auditKey: 'secret' }));
    await fresh.open({ auditKey: 'secret' });
    for (const auditKey of [null, 'another']) {
      await expect(fresh.open({ auditKey })).rejects.toMatchObject({ code: 'E_STORE_UNUSABLE' });
    }
  });

  it('binds what was written before it was taken', async () => {
    const plain = await fresh.open();
    await fill(plain);
    await expect(fresh.open({ auditKey: 'secret' })).rejects.toMatchObject({ code: 'E_STORE_UNUSABLE' });
    await beginKey(plain, 'secret');
    await expect(beginKey(plain, 'secret')).rejects.toMatchObject({ code: 'E_STORE_UNUSABLE' });
    // One that was still open goes on without the key: that shows.
    await plain.write((tx) => appendEvent(tx, 'inc-3', { at: 7, actor: 'ada', kind: 'note', data: {} }));
    const store = await fresh.open({ auditKey: 'secret' });
    expect((await verifyAudit(store)).findings).toEqual([
      { incident: 'inc-3', seq: 6, what: 'was made without the key' },
    ]);
    await store.write((tx) => appendEvent(tx, 'inc-2', { at: 7, actor: 'ada', kind: 'note', data: {} }));
    expect((await verifyAudit(store)).findings).toHaveLength(1);
    await forge(store);
    expect((await verifyAudit(store)).findings.some(({ incident }) => incident === 'inc-1')).toBe(true);
  });
});

it('finds an open time line that was cut with the row that tells its length, once the ledger has told its end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'allclear-heads-'));
  const store = await openStore(join(folder, 'a.db'));
  onTestFinished(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  await fill(store);
  expect(await tellHeads(store, 'allclear', 0)).toBe(2);
  expect((await verifyAudit(store)).findings).toEqual([]);
  const [last] = await store.db
    .selectFrom('events')
    .selectAll()
    .where('incident', '=', 'inc-1')
    .orderBy('seq', 'desc')
    .limit(1)
    .execute();
  await store.write(async (tx) => {
    await tx.deleteFrom('events').where('incident', '=', 'inc-1').where('seq', '=', last!.seq).execute();
    await tx
      .updateTable('incidents')
      .set({ seq: last!.seq - 1, head_hash: last!.prev_hash })
      .where('id', '=', 'inc-1')
      .execute();
  });
  expect((await verifyAudit(store)).findings).toMatchObject([{ incident: 'inc-1' }]);
});
