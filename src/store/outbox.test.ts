import { beforeEach, expect, it } from 'vitest';
import { onEachStore } from '../../test/stores.ts';
import { TestClock } from '../kernel/index.ts';
import { insertIncident, updateIncidentState } from './incidents.ts';
import {
  claimOutbox,
  endOutbox,
  latestNews,
  outboxFigures,
  postponeOutbox,
  pruneOutbox,
  putOutbox,
} from './outbox.ts';
import type { Store } from './store.ts';
import { newIncident } from './testing.ts';

const LEASE = 60_000;

let clock: TestClock;
let store: Store;

const put = (incident: string, seq: number, target = 'chat', payload: unknown = {}) =>
  store.write((tx) =>
    putOutbox(tx, {
      id: `${incident}.${seq}.${target}`,
      incident,
      seq,
      about: 'verdict',
      target,
      payload,
      madeAt: store.now(),
    }),
  );
const claim = async (limit = 10) => claimOutbox(store, 'chat', limit, LEASE);

onEachStore('the outbox', (fresh) => {
  beforeEach(async () => {
    clock = new TestClock();
    store = await fresh.open({ clock });
    await store.write(async (tx) => {
      await insertIncident(tx, newIncident('inc-1'));
      await insertIncident(tx, newIncident('inc-2'));
    });
    // The first one may have to start a PostgreSQL.
  }, 60_000);

  it('keeps a row that is written twice once', async () => {
    await put('inc-1', 1, 'chat', { first: true });
    await put('inc-1', 1, 'chat', { first: false });
    expect(await claim()).toMatchObject([{ payload: { first: true } }]);
  });

  it('gives a taken row to nobody else until its lease ends, and then again with a higher number', async () => {
    await put('inc-1', 1);
    const [row] = await claim();
    expect(row).toMatchObject({ id: 'inc-1.1.chat', attempts: 1 });
    expect(await claim()).toEqual([]);
    await clock.advance(LEASE);
    expect(await claim()).toMatchObject([{ attempts: 2 }]);
    const ended = await store.write((tx) =>
      endOutbox(tx, row!, { state: 'delivered', error: null, at: store.now() }),
    );
    expect(ended).toBe(false);
  });

  it('gives what comes later about an incident only after the earlier is over', async () => {
    await put('inc-1', 2);
    await put('inc-1', 1);
    await put('inc-2', 7);
    const rows = await claim();
    expect(rows.map(({ incident, seq }) => [incident, seq])).toEqual([
      ['inc-1', 1],
      ['inc-2', 7],
    ]);
    await store.write((tx) =>
      postponeOutbox(tx, rows[0]!, { nextAt: store.now() + 5_000, error: 'HTTP 500' }),
    );
    await store.write((tx) => endOutbox(tx, rows[1]!, { state: 'delivered', error: null, at: store.now() }));
    expect(await claim()).toEqual([]);
    await clock.advance(5_000);
    const [again] = await claim();
    expect(again).toMatchObject({ seq: 1, lastError: 'HTTP 500', attempts: 2 });
    await store.write((tx) => endOutbox(tx, again!, { state: 'given-up', error: 'no', at: store.now() }));
    expect(await claim()).toMatchObject([{ seq: 2 }]);
  });

  it('never gives one row to two takers, however many take at once', async () => {
    for (let seq = 1; seq <= 20; seq++) {
      await store.write((tx) => insertIncident(tx, newIncident(`inc-many-${seq}`)));
      await put(`inc-many-${seq}`, seq);
    }
    // A busy SQLite is waited for by the clock, which stands still here.
    const others = fresh.kind === 'sqlite' ? [] : [await fresh.open({ clock }), await fresh.open({ clock })];
    const takers = [store, store, ...others].flatMap((one) => [one, one, one]);
    const turn = () => Promise.all(takers.map((one) => claimOutbox(one, 'chat', 3, LEASE)));
    const taken = [...(await turn()), ...(await turn()), ...(await turn())].flat();
    expect(new Set(taken.map(({ id }) => id)).size).toBe(taken.length);
    expect(taken).toHaveLength(20);
  });

  it('knows the last news about a matter, and only news', async () => {
    expect(await latestNews(store.db, 'inc-1', 'verdict')).toBeNull();
    await put('inc-1', 1, '', { meaning: 'confirmed' });
    await put('inc-1', 4, '', { meaning: 'ruled-out' });
    await put('inc-1', 9, 'chat', { meaning: 'for a target' });
    expect(await latestNews(store.db, 'inc-1', 'verdict')).toEqual({ meaning: 'ruled-out' });
    expect(await latestNews(store.db, 'inc-1', 'opened')).toBeNull();
  });

  it('counts by target what waits, what fails, and what is over', async () => {
    await put('inc-1', 1);
    await put('inc-2', 1);
    const [first, second] = await claim();
    await store.write((tx) => endOutbox(tx, first!, { state: 'delivered', error: null, at: store.now() }));
    await store.write((tx) => postponeOutbox(tx, second!, { nextAt: store.now() + 1, error: 'HTTP 503' }));
    const oldestAt = Date.UTC(2026, 0, 1);
    expect(await outboxFigures(store.db)).toEqual([
      { target: 'chat', waiting: 1, failing: 1, oldestAt, delivered: 1, givenUp: 0 },
    ]);
  });

  it('forgets what is long over, but nothing of incidents that go on', async () => {
    await put('inc-1', 1);
    await put('inc-2', 1);
    for (const row of await claim())
      await store.write((tx) => endOutbox(tx, row, { state: 'delivered', error: null, at: store.now() }));
    const closed = { state: 'closed', snapshot: { state: 'closed', why: '' }, open: false, at: store.now() };
    await store.write((tx) => updateIncidentState(tx, 'inc-1', closed));
    await store.write((tx) => pruneOutbox(tx, store.now()));
    expect(await outboxFigures(store.db)).toMatchObject([{ delivered: 2 }]);
    await store.write((tx) => pruneOutbox(tx, store.now() + 1));
    expect(await outboxFigures(store.db)).toMatchObject([{ delivered: 1 }]);
  });
});
