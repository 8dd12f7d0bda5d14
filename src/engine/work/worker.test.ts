import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { onEachStore } from '../../../test/stores.ts';
import {
  findIncident,
  findWork,
  listAttempts,
  listEvents,
  listWorkers,
  type Store,
} from '../../store/index.ts';
import type { Desk } from '../desk/desk.ts';
import { autonomousDesk, openSteps, stepsBook, workerOptions } from './testing.ts';
import { runWorker, type Worker, type WorkerOptions } from './worker.ts';

onEachStore('workers', (fresh) => {
  let store: Store;
  let desk: Desk;
  let folder: string;
  let workers: Worker[];

  beforeEach(async () => {
    store = await fresh.open();
    desk = autonomousDesk(store);
    folder = mkdtempSync(join(tmpdir(), 'allclear-work-'));
    workers = [];
  });
  // Declared after the store's own hook, so that it runs before it.
  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function work(changes: Partial<WorkerOptions> = {}): Promise<Worker> {
    const worker = await runWorker(workerOptions(desk, changes));
    workers.push(worker);
    return worker;
  }

  async function until<T>(look: () => Promise<T | false | null | undefined>): Promise<T> {
    for (let attempt = 0; attempt < 400; attempt++) {
      const found = await look();
      if (found) return found;
      await pause(25);
    }
    throw new Error('it did not come to that within 10 s');
  }

  const inState = (id: string, state: string) =>
    until(async () => {
      const found = await findIncident(store.db, id);
      return found?.state === state ? found : null;
    });
  const kinds = async (id: string) => (await listEvents(store.db, id)).map(({ kind }) => kind);
  const log = (name: string) => {
    const file = join(folder, name);
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  };

  it('take an incident from open to resolved, each block once, with everything on the time line', async () => {
    await work();
    const id = await openSteps(desk, stepsBook([`echo one >> ${folder}/log`, `echo two >> ${folder}/log`]));
    await inState(id, 'resolved');
    expect(log('log')).toEqual(['one', 'two']);
    expect(await kinds(id)).toEqual([
      'opened',
      'diagnosis-started',
      'verdict-reached',
      'decided',
      'remediation-started',
      'step-approved',
      'step-intended',
      'step-ended',
      'step-approved',
      'step-intended',
      'step-ended',
      'verification-started',
      'verified',
    ]);
    expect(await findWork(store.db, id)).toBe(null);
  });

  it('share the steps of many incidents, and run none twice', async () => {
    await Promise.all([work(), work(), work()]);
    const book = stepsBook([`echo "$LABEL_INSTANCE $ALLCLEAR_X" >> ${folder}/log`, 'true']);
    const ids = await Promise.all(Array.from({ length: 12 }, () => openSteps(desk, book)));
    for (const id of ids) await inState(id, 'resolved');
    expect(log('log')).toHaveLength(12);
    const attempts = (await Promise.all(ids.map((id) => listAttempts(store.db, id)))).flat();
    expect(attempts.map(({ state }) => state)).toEqual(Array.from({ length: 24 }, () => 'succeeded'));
  });

  it('leave to others what must run at another site', async () => {
    await work({ sites: ['eu'] });
    const there = await openSteps(desk, stepsBook(['true']), 'us');
    const here = await openSteps(desk, stepsBook(['true']), 'eu');
    await inState(here, 'resolved');
    expect((await findIncident(store.db, there))?.state).toBe('diagnosing');
    await work({ sites: ['us'] });
    await inState(there, 'resolved');
  });

  it('do not run a step that is not what was approved', async () => {
    const other = workerOptions({ ...desk, params: {} });
    const surround: WorkerOptions['surround'] = (about) => {
      const surroundings = other.surround(about);
      return { ...surroundings, env: { ...surroundings.env, PARAM_REGION: 'elsewhere' } };
    };
    await work({ surround });
    const id = await openSteps(desk, stepsBook([`touch ${folder}/log`]));
    const { waiting } = await until(async () => {
      const found = await findIncident(store.db, id);
      return found?.waiting ? found : null;
    });
    expect(waiting).toMatchObject({ kind: 'decision', about: 'failed' });
    expect((await listAttempts(store.db, id))[0]?.output).toContain('is not what was approved');
    expect(existsSync(join(folder, 'log'))).toBe(false);
  });

  it('redact what a step prints, and keep a bounded part of it', async () => {
    const base = workerOptions(desk);
    const surround: WorkerOptions['surround'] = (about) => ({
      ...base.surround(about),
      secrets: ['hunter2-secret'],
    });
    await work({ surround });
    const id = await openSteps(
      desk,
      stepsBook(['echo hunter2-secret; head -c 300000 /dev/zero | tr "\\\\0" x']),
    );
    await inState(id, 'resolved');
    const [attempt] = await listAttempts(store.db, id);
    expect(attempt?.output).not.toContain('hunter2');
    expect(attempt?.truncated).toBe(true);
    expect(attempt?.output?.length).toBeLessThan(200_000);
  });

  it('say that they are there, and leave when they stop; running steps end in peace', async () => {
    const worker = await work({ sites: ['eu', ''] });
    expect(await listWorkers(store.db, 0)).toMatchObject([{ id: worker.name, sites: ['eu', ''] }]);
    const id = await openSteps(
      desk,
      stepsBook([`touch ${folder}/began; sleep 0.5; touch ${folder}/ended`, 'true']),
    );
    await until(async () => existsSync(join(folder, 'began')));
    await worker.stop();
    expect(existsSync(join(folder, 'ended'))).toBe(true);
    expect(await listWorkers(store.db, 0)).toEqual([]);
    expect((await listAttempts(store.db, id)).map(({ state }) => state)).toEqual(['succeeded']);
    expect(await findWork(store.db, id)).toMatchObject({ step: 2, state: 'ready' });
  });

  it('that must stop end what will not end, and say so', async () => {
    const worker = await work({ drainSeconds: 0.2 });
    const id = await openSteps(desk, stepsBook([`touch ${folder}/began; sleep 60`]));
    await until(async () => existsSync(join(folder, 'began')));
    await worker.stop();
    expect((await listAttempts(store.db, id)).map(({ state }) => state)).toEqual(['cancelled']);
    expect((await findIncident(store.db, id))?.waiting).toMatchObject({ kind: 'decision', about: 'failed' });
  });

  it('give back a diagnosis when they stop, and another one takes it up', async () => {
    const never: WorkerOptions['diagnose'] = (_, __, signal) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    const worker = await work({ diagnose: never });
    const id = await openSteps(desk, stepsBook(['true']));
    await until(async () => worker.jobs().length === 1);
    await worker.stop();
    expect(await findWork(store.db, id)).toMatchObject({ kind: 'diagnose', state: 'ready', worker: null });
    await work();
    await inState(id, 'resolved');
  });

  it('that fall silent leave a step unknown, and a diagnosis to others', async () => {
    const lease = { ms: 400, renewMs: 100 };
    // Silent: it renews nothing, and its stop is never called.
    const silent = { ...workerOptions(desk), lease: { ms: 400, renewMs: 3_600_000 } };
    const hang = () => new Promise<never>(() => {});
    const dead = await runWorker({ ...silent, drainSeconds: 0, execute: hang });
    const id = await openSteps(desk, stepsBook(['true']));
    await until(async () => (await kinds(id)).includes('step-intended'));
    await work({ lease });
    await until(async () => (await kinds(id)).includes('step-unknown'));
    expect((await findIncident(store.db, id))?.waiting).toMatchObject({ kind: 'decision', about: 'unknown' });
    expect((await listAttempts(store.db, id)).map(({ state }) => state)).toEqual(['unknown']);
    void dead.stop();
  });

  it('keep their leases for as long as a step takes', async () => {
    await work({ lease: { ms: 600, renewMs: 150 } });
    await work({ lease: { ms: 600, renewMs: 150 } });
    const id = await openSteps(desk, stepsBook([`sleep 2; echo ran >> ${folder}/log`]));
    await inState(id, 'resolved');
    expect(log('log')).toEqual(['ran']);
    expect(await kinds(id)).not.toContain('step-unknown');
  });

  it('report a check that could not be done as what it is, and do not try for ever', async () => {
    const diagnose: WorkerOptions['diagnose'] = () => Promise.reject(new TypeError('broken'));
    await work({ diagnose });
    const id = await openSteps(desk, stepsBook(['true']));
    const found = await inState(id, 'inconclusive');
    expect(found.snapshot).toMatchObject({ why: 'broken.' });
  });
});
