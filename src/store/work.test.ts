import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestClock } from '../kernel/index.ts';
import { findIncident, insertIncident } from './incidents.ts';
import { openStore } from './open-store.ts';
import type { Store } from './store.ts';
import { newIncident } from './testing.ts';
import {
  findWork,
  finishWork,
  hasReadyWork,
  holdWork,
  listExpiredWork,
  listTakenWork,
  type NewWork,
  pickWork,
  releaseWork,
  renewWork,
  setNext,
} from './work.ts';
import { listWorkers, pruneWorkers, removeWorker, seeWorker } from './workers.ts';

const clock = new TestClock();
const step: NewWork = {
  kind: 'step',
  site: '',
  step: 1,
  block: 0,
  stepHash: 'a'.repeat(64),
  expiresAt: null,
};
const other = { ...step, step: null, block: null, stepHash: null };
const verify: NewWork = { ...other, kind: 'verify' };
let store: Store;

beforeEach(async () => {
  store = await openStore(':memory:', { clock });
});
afterEach(() => store.close());

async function put(id: string, work: NewWork | null = step, site = '', at = clock.now()): Promise<void> {
  await store.write(async (tx) => {
    const known = await tx.selectFrom('incidents').select('id').where('id', '=', id).executeTakeFirst();
    if (!known) await insertIncident(tx, newIncident(id, { site }));
    await setNext(tx, id, { work: work && { ...work, site }, waiting: null, at });
  });
}

function take(worker: string, options: { sites?: string[]; limit?: number } = {}) {
  const { sites = null, limit = 10 } = options;
  const now = clock.now();
  return store.write(async (tx) => {
    const taking = { worker, sites, limit, now, leaseUntil: now + 5_000 };
    const taken = (await pickWork(tx, store.kind, taking)).map(({ work }) => work);
    await holdWork(tx, taken);
    return taken;
  });
}

describe('work', () => {
  it('is taken oldest first, by one worker only, with a fence number from its incident', async () => {
    for (const [index, id] of ['c', 'a', 'b'].entries()) await put(id, step, '', clock.now() - 10 + index);
    expect((await take('w1', { limit: 2 })).map(({ incident }) => incident)).toEqual(['c', 'a']);
    expect(await take('w2')).toMatchObject([
      { incident: 'b', state: 'taken', worker: 'w2', fence: 1, leaseUntil: clock.now() + 5_000, ...step },
    ]);
    expect(await take('w3')).toEqual([]);
    expect(await hasReadyWork(store.db, { sites: null, now: clock.now() })).toBe(false);
  });

  it('goes to workers of its site, and to those that take any', async () => {
    await put('here', step, 'eu');
    await put('there', step, 'us');
    await put('anywhere');
    expect(await take('w1', { sites: [] })).toEqual([]);
    expect((await take('w1', { sites: ['eu', 'ap'] })).map(({ incident }) => incident)).toEqual(['here']);
    expect(await hasReadyWork(store.db, { sites: ['eu'], now: clock.now() })).toBe(false);
    expect((await take('w2')).map(({ incident }) => incident).toSorted()).toEqual(['anywhere', 'there']);
  });

  it('is not taken before it is due', async () => {
    await put('later', verify, '', clock.now() + 1_000);
    expect(await take('w1')).toEqual([]);
    clock.jump(1_000);
    expect(await take('w1')).toMatchObject([{ incident: 'later', kind: 'verify' }]);
  });

  it('that is planned again as it is stays with its worker', async () => {
    await put('one');
    const [taken] = await take('w1');
    await put('one');
    expect(await findWork(store.db, 'one')).toMatchObject({ worker: 'w1', fence: taken!.fence });
  });

  it('that is planned otherwise takes it from its worker, whose report is late then', async () => {
    await put('one');
    const [taken] = await take('w1');
    await put('one', { ...step, block: 1 });
    expect(await store.write((tx) => finishWork(tx, [taken!]))).toEqual(new Set());
    const [again] = await take('w2');
    expect(again).toMatchObject({ fence: taken!.fence + 1, block: 1 });
    expect(await store.write((tx) => finishWork(tx, [taken!]))).toEqual(new Set());
    expect(await store.write((tx) => finishWork(tx, [again!]))).toEqual(new Set(['one']));
    expect(await findWork(store.db, 'one')).toBe(null);
  });

  it('is not begun once its approval has ended', async () => {
    await put('one', { ...step, expiresAt: clock.now() + 1_000 });
    await put('one', { ...step, expiresAt: clock.now() + 500 });
    clock.jump(500);
    expect(await take('w1')).toEqual([]);
    expect(await hasReadyWork(store.db, { sites: null, now: clock.now() })).toBe(false);
    expect(await listExpiredWork(store.db, clock.now(), 10)).toEqual(['one']);
  });

  it('goes when nothing is to be done any more, and the incident says what it waits for', async () => {
    await put('one');
    await store.write((tx) => setNext(tx, 'one', { work: null, waiting: { for: 'approval' }, at: 1 }));
    expect(await findWork(store.db, 'one')).toBe(null);
    expect((await findIncident(store.db, 'one'))?.waiting).toEqual({ for: 'approval' });
  });

  it('is prolonged in one go, and what was lost is not among it', async () => {
    for (const id of ['a', 'b', 'c']) await put(id, { ...other, kind: 'diagnose' });
    const [a] = await take('w1', { limit: 2 });
    await take('w2');
    await store.write((tx) => releaseWork(tx, [a!], clock.now()));
    const work = [a!, { incident: 'b', fence: 1 }, { incident: 'c', fence: 9 }];
    const held = await store.write((tx) => renewWork(tx, { attempts: [], work }, clock.now() + 9_000));
    expect(held.incidents).toEqual(new Set(['b']));
    expect(await listTakenWork(store.db)).toMatchObject([
      { incident: 'c', worker: 'w2', leaseUntil: clock.now() + 5_000 },
      { incident: 'b', worker: 'w1', leaseUntil: clock.now() + 9_000 },
    ]);
    expect(await take('w3')).toMatchObject([{ incident: 'a', fence: 2 }]);
  });
});

describe('workers', () => {
  it('are known from their first word until they leave or fall silent', async () => {
    const worker = { id: 'host:1:x', sites: ['eu'], version: '1', startedAt: 1, seenAt: 1 };
    await store.write(async (tx) => {
      await seeWorker(tx, worker);
      await seeWorker(tx, { ...worker, id: 'host:2:y', sites: null });
      await seeWorker(tx, { ...worker, seenAt: 50 });
    });
    expect(await listWorkers(store.db, 0)).toMatchObject([
      { id: 'host:1:x', seenAt: 50, sites: ['eu'] },
      { sites: null },
    ]);
    await store.write((tx) => pruneWorkers(tx, 50));
    expect(await listWorkers(store.db, 0)).toHaveLength(1);
    await store.write((tx) => removeWorker(tx, worker.id));
    expect(await listWorkers(store.db, 0)).toEqual([]);
  });
});
