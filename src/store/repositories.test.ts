import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { onEachStore } from '../../test/stores.ts';
import type { AllclearError } from '../kernel/index.ts';
import { decideAttempt, finishAttempt, insertIntent, listAttempts, renewLease } from './attempts.ts';
import { openChain } from './chain.ts';
import { appendEvent, appendEvents, eventLine, listEvents, MAX_EVENTS } from './events.ts';
import {
  findIncident,
  incidentIdsLike,
  insertIncident,
  listIncidents,
  lockOpenByKeys,
  updateIncidentState,
} from './incidents.ts';
import { fromJson, MAX_JSON, toJson } from './json.ts';
import { hasExpired, sweepExpired } from './lost-attempts.ts';
import { findRunbookVersion, keepRunbookVersion } from './runbook-versions.ts';
import type { Store } from './store.ts';
import { newIncident } from './testing.ts';

const code = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it went through',
    (error: AllclearError) => error.code,
  );

const intent = (id: string, changes: object = {}) => ({
  id,
  incident: 'inc-1',
  step: 1,
  block: 0,
  stepHash: 'h',
  worker: 'here:1',
  at: 1_000,
  leaseUntil: 6_000,
  ...changes,
});
const end = { state: 'succeeded', exit: 0, output: 'fine', truncated: false, at: 2_000 } as const;

describe('JSON in a column', () => {
  it('comes back as it went in, whatever it says, as long as it fits', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(fromJson(toJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('is cut, and says so, when it does not', () => {
    const long = toJson({ why: 'kept', output: 'x'.repeat(MAX_JSON * 2) });
    expect(long.length).toBeLessThan(MAX_JSON);
    expect(fromJson(long)).toMatchObject({
      why: 'kept',
      output: expect.stringMatching(/characters cut\]$/) as string,
    });
    const wide = toJson(
      Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`label-${index}`, 'y'])),
    );
    expect(wide).toMatch(/too many/);
  });
});

onEachStore('repositories', (fresh) => {
  let store: Store;
  beforeEach(async () => {
    store = await fresh.open();
    await store.write((tx) => insertIncident(tx, newIncident('inc-1')));
  });

  describe('the time line', () => {
    it('is chained: every event carries the hash of the one before it and of itself', async () => {
      for (const text of ['one', 'two', 'three']) {
        await store.write((tx) =>
          appendEvent(tx, 'inc-1', { at: 5, actor: 'ada', kind: 'note', data: { text } }),
        );
      }
      const events = await listEvents(store.db, 'inc-1');
      expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
      let before = '0'.repeat(64);
      for (const { hash, prevHash, incident, seq, at, actor, kind, data } of events) {
        expect(prevHash).toBe(before);
        expect(hash).toBe(
          openChain(null).hash(
            eventLine({ prev_hash: before, incident, seq, at, actor, kind, data: JSON.stringify(data) }),
          ),
        );
        before = hash;
      }
      expect(await listEvents(store.db, 'inc-1', { after: 2 })).toHaveLength(1);
    });

    it('moves with its incident or not at all', async () => {
      const append = store.write(async (tx) => {
        await appendEvent(tx, 'inc-1', { at: 5, actor: 'ada', kind: 'note', data: {} });
        throw new Error('power cut');
      });
      await expect(append).rejects.toThrow('power cut');
      expect(await listEvents(store.db, 'inc-1')).toEqual([]);
      expect((await findIncident(store.db, 'inc-1'))?.seq).toBe(0);
    });

    it('takes events of many incidents at once, each in its own line and order', async () => {
      const ids = Array.from({ length: 1_200 }, (_, index) => `inc-many-${index}`);
      await store.write(async (tx) => {
        for (const id of ids) await insertIncident(tx, newIncident(id));
      });
      const additions = [1, 2].flatMap((round) =>
        ids.map((incident) => ({
          incident,
          event: { at: round, actor: 'ada', kind: 'note', data: { round } },
        })),
      );
      const records = await store.write((tx) => appendEvents(tx, additions));
      expect(records.map(({ incident, data }) => ({ incident, data }))).toEqual(
        additions.map(({ incident, event }) => ({ incident, data: event.data })),
      );
      for (const id of ['inc-many-0', 'inc-many-1199']) {
        const events = await listEvents(store.db, id);
        expect(events.map(({ seq, at }) => [seq, at])).toEqual([
          [1, 1],
          [2, 2],
        ]);
        expect(events[1]?.prevHash).toBe(events[0]?.hash);
        expect(await findIncident(store.db, id)).toMatchObject({ seq: 2, updatedAt: 2 });
      }
    });

    it('hashes what is stored, also of text that a database cannot hold', async () => {
      const event = { at: 5, actor: 'a\0b\ud800', kind: 'note', data: { text: '\0\udfff' } };
      const record = await store.write((tx) => appendEvent(tx, 'inc-1', event));
      const [stored] = await listEvents(store.db, 'inc-1');
      expect(stored).toEqual(record);
      const raw = await store.db.selectFrom('events').selectAll().executeTakeFirstOrThrow();
      expect(raw.hash).toBe(openChain(null).hash(eventLine(raw)));
    });

    it('has an end: a runaway incident does not fill the disk', async () => {
      await store.write((tx) => tx.updateTable('incidents').set({ seq: MAX_EVENTS }).execute());
      const append = store.write((tx) =>
        appendEvent(tx, 'inc-1', { at: 5, actor: 'a', kind: 'note', data: {} }),
      );
      expect(await code(append)).toBe('E_LIMIT');
      const lost = store.write((tx) =>
        appendEvent(tx, 'inc-2', { at: 5, actor: 'a', kind: 'note', data: {} }),
      );
      expect(await code(lost)).toBe('E_NOT_FOUND');
    });
  });

  describe('step attempts', () => {
    it('are numbered, and each takes a higher fence', async () => {
      const first = await store.write((tx) => insertIntent(tx, intent('a')));
      await store.write((tx) => finishAttempt(tx, first, { ...end, state: 'failed' }));
      const second = await store.write((tx) => insertIntent(tx, intent('b')));
      const other = store.write((tx) => insertIntent(tx, intent('c', { step: 2 })));
      expect(await code(other)).toBe('E_STEP_BUSY');
      expect([first, second].map(({ attempt, fence }) => [attempt, fence])).toEqual([
        [1, 1],
        [2, 2],
      ]);
    });

    it('belong to their worker only while the fence is its own', async () => {
      const attempt = await store.write((tx) => insertIntent(tx, intent('a')));
      const renew = () => store.write((tx) => renewLease(tx, attempt, 9_000));
      expect(await renew()).toBe(true);
      expect((await listAttempts(store.db, 'inc-1'))[0]).toMatchObject({
        state: 'running',
        leaseUntil: 9_000,
      });
      expect(await hasExpired(store.db, 8_999)).toBe(false);
      expect(await hasExpired(store.db, 9_000)).toBe(true);
      expect(await store.write((tx) => sweepExpired(tx, 8_999))).toEqual([]);
      expect(await store.write((tx) => sweepExpired(tx, 9_000))).toMatchObject([
        { id: 'a', state: 'unknown', fence: 2 },
      ]);
      expect(await renew()).toBe(false);
      expect(await store.write((tx) => finishAttempt(tx, attempt, end))).toBe(false);
      // Not even with the new number: unknown is final until a person decides.
      expect(await store.write((tx) => finishAttempt(tx, { id: 'a', fence: 2 }, end))).toBe(false);
      expect((await listAttempts(store.db, 'inc-1'))[0]).toMatchObject({ state: 'unknown', output: null });
    });

    it('are decided about once', async () => {
      await store.write((tx) => insertIntent(tx, intent('a', { leaseUntil: 0 })));
      await store.write((tx) => sweepExpired(tx, 1));
      expect(await code(store.write((tx) => insertIntent(tx, intent('b'))))).toBe('E_STEP_UNDECIDED');
      const decide = (by: string) =>
        store.write((tx) => decideAttempt(tx, 'a', { decision: 'again', by, at: 3_000 }));
      expect(await decide('ada')).toBe(true);
      expect(await decide('grace')).toBe(false);
      expect(await store.write((tx) => insertIntent(tx, intent('b')))).toMatchObject({ attempt: 2 });
    });

    it('keep no NUL in their output, which PostgreSQL could not store', async () => {
      const attempt = await store.write((tx) => insertIntent(tx, intent('a')));
      await store.write((tx) => finishAttempt(tx, attempt, { ...end, output: 'a\0b' }));
      expect((await listAttempts(store.db, 'inc-1'))[0]?.output).toBe('a\ufffdb');
    });
  });

  describe('incidents', () => {
    it('are one per join key while open', async () => {
      const add = (id: string) =>
        store.write((tx) => insertIncident(tx, newIncident(id, { joinKey: 'storm' })));
      await add('inc-a');
      await expect(add('inc-b')).rejects.toThrow(/unique/i);
      expect((await store.write((tx) => lockOpenByKeys(tx, ['storm'])))[0]?.id).toBe('inc-a');
      const change = { state: 'closed', snapshot: { state: 'closed', why: '' }, open: false, at: 7 };
      await store.write((tx) => updateIncidentState(tx, 'inc-a', change));
      expect(await store.write((tx) => lockOpenByKeys(tx, ['storm']))).toEqual([]);
      await add('inc-b');
    });

    it('are listed newest first, and found by the beginning of their id', async () => {
      await store.write((tx) => insertIncident(tx, newIncident('inc-2', { at: Date.UTC(2027, 0, 1) })));
      expect((await listIncidents(store.db, { limit: 5 })).map(({ id }) => id)).toEqual(['inc-2', 'inc-1']);
      expect(await listIncidents(store.db, { limit: 1 })).toHaveLength(1);
      expect(await incidentIdsLike(store.db, 'inc-', 9)).toEqual(['inc-1', 'inc-2']);
      expect(await incidentIdsLike(store.db, '%', 9)).toEqual([]);
    });
  });

  describe('runbook versions', () => {
    it('are kept once per text', async () => {
      const keep = (source: string) =>
        store.write((tx) => keepRunbookVersion(tx, { file: 'a.md', source }, 1));
      const first = await keep('# One');
      expect(await keep('# One')).toBe(first);
      expect(await keep('# Two')).not.toBe(first);
      expect(await findRunbookVersion(store.db, first)).toEqual({ file: 'a.md', source: '# One' });
    });
  });
});
