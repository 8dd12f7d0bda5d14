/** Notifications by several real processes that share a store, and die. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openIncident } from '../../src/engine/index.ts';
import { systemClock } from '../../src/kernel/index.ts';
import { announce } from '../../src/notify/index.ts';
import { type Receiver, startReceiver } from '../../src/notify/testing.ts';
import { listEvents, openStore, outboxFigures, type Store } from '../../src/store/index.ts';
import { temporaryFolder } from './program.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/notifier.ts', import.meta.url));
const PATIENCE = { timeout: 20_000, interval: 50 };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

async function scene(): Promise<{ store: Store; receiver: Receiver }> {
  const folder = temporaryFolder((clean) => cleanups.push(clean));
  const store = await openStore(join(folder, 'allclear.db'));
  cleanups.push(() => store.close());
  const receiver = await startReceiver();
  cleanups.push(() => receiver.close());
  return { store, receiver };
}

async function startTelling(store: Store, url: string, secondsAhead = 0): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, store.location, url, String(secondsAhead)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanups.push(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

function open(store: Store): Promise<string> {
  return store.write(async (tx) => {
    const opening = { runbook: '', version: null, title: 'Down', severity: null, labels: {}, joinKey: null };
    const incident = await openIncident(tx, opening, 'test', systemClock);
    const data = { runbook: '', file: null, title: 'Down' };
    const events = [{ kind: 'opened' as const, seq: 1, data }];
    await announce(tx, { incident, at: store.now(), events, waiting: null });
    return incident;
  });
}

const delivered = async (store: Store) =>
  (await outboxFigures(store.db)).find(({ target }) => target === 'ops')?.delivered ?? 0;

describe('notifications of several servers', () => {
  it('tell everything, and each thing once', async () => {
    const { store, receiver } = await scene();
    await Promise.all([startTelling(store, receiver.url), startTelling(store, receiver.url)]);
    for (let count = 0; count < 30; count++) await open(store);
    await vi.waitFor(async () => expect(await delivered(store)).toBe(30), PATIENCE);
    expect(receiver.got).toHaveLength(30);
  }, 30_000);

  it('lose nothing when one is killed between sending and writing that down: it is sent again, with the same id', async () => {
    const { store, receiver } = await scene();
    receiver.answers.push('hang');
    const first = await startTelling(store, receiver.url);
    const incident = await open(store);
    await vi.waitFor(() => expect(receiver.got).toHaveLength(1), PATIENCE);
    first.kill('SIGKILL');
    await once(first, 'exit');
    await startTelling(store, receiver.url);
    await systemClock.sleep(1_200);
    expect(receiver.got, 'the lease still holds').toHaveLength(1);
    await startTelling(store, receiver.url, 120);
    await vi.waitFor(async () => expect(await delivered(store)).toBe(1), PATIENCE);
    const ids = receiver.got.map(({ headers }) => headers['idempotency-key']);
    expect(ids).toEqual([ids[0], ids[0]]);
    const kinds = (await listEvents(store.db, incident)).map(({ kind, data }) => ({ kind, data }));
    expect(kinds.at(-1)).toEqual({
      kind: 'notified',
      data: { target: 'ops', about: 'opened', attempts: 2 },
    });
  }, 30_000);
});
