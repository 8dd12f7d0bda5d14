/** `allclear worker` as its users meet it: beside a server, told to stop, and started wrongly. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { publishSettings } from '../../src/app/desk-settings.ts';
import { autonomousDesk, openSteps, stepsBook } from '../../src/engine/work/testing.ts';
import { findIncident, listAttempts, listWorkers, openStore, type Store } from '../../src/store/index.ts';
import { type Running, run, start, temporaryFolder } from './program.ts';

interface Scene {
  readonly folder: string;
  readonly env: Record<string, string>;
  readonly store: Store;
  /** An incident with these steps, confirmed without asking. */
  readonly open: (commands: readonly string[], site?: string) => Promise<string>;
  readonly work: (...args: string[]) => Promise<Running>;
}

async function scene(): Promise<Scene> {
  const folder = temporaryFolder(onTestFinished);
  mkdirSync(join(folder, 'runbooks'));
  writeFileSync(join(folder, 'runbooks', 'other.md'), '# Other\n');
  const location = join(folder, 'allclear.db');
  const env = { ALLCLEAR_STORE: location, ALLCLEAR_LEASE_SECONDS: '1', HOME: folder, ALLCLEAR_CONFIG: '' };
  const store = await openStore(location);
  onTestFinished(() => store.close());
  const desk = autonomousDesk(store);
  // As a server does that has this configuration: the worker is given none.
  await publishSettings(store, { ...desk, sandbox: { mode: 'auto', network: true, show: [] } });
  return {
    folder,
    env,
    store,
    open: (commands, site) => openSteps(desk, stepsBook(commands), site),
    work: async (...args) => {
      const worker = start(['worker', ...args], { cwd: folder, env });
      onTestFinished(() => void worker.child.kill('SIGKILL'));
      await worker.shows(/"event":"ready"/);
      return worker;
    },
  };
}

async function until(look: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await look())) {
    if (performance.now() > end) throw new Error('it did not come to that within 30 s');
    await pause(50);
  }
}

const resolved = async (store: Store, id: string) => (await findIncident(store.db, id))?.state === 'resolved';

it('does what its site has to do with nothing but the store, and ends at SIGTERM after its step', async () => {
  const { folder, store, open, work } = await scene();
  const worker = await work('--site', 'eu', '--concurrency', '2');
  const there = await open(['true'], 'us');
  const here = await open([`touch ${folder}/began; sleep 1; echo "$LABEL_INSTANCE" > ${folder}/ended`], 'eu');
  expect((await listWorkers(store.db, 0)).map(({ sites }) => sites)).toEqual([['eu']]);
  await until(() => existsSync(join(folder, 'began')));
  worker.child.kill('SIGTERM');
  expect(await worker.ended).toMatchObject({ code: 0 });
  expect(readFileSync(join(folder, 'ended'), 'utf8')).toBe('mcp-1\n');
  expect(await listAttempts(store.db, here)).toMatchObject([{ state: 'succeeded' }]);
  expect((await findIncident(store.db, there))?.state).toBe('diagnosing');
  expect(await listWorkers(store.db, 0)).toEqual([]);

  await work();
  await until(() => resolved(store, there));
  await until(() => resolved(store, here));
}, 60_000);

it('ends its commands with itself when it is killed, and another worker leaves the step to a person', async () => {
  const { folder, store, open, work } = await scene();
  const worker = await work();
  const id = await open([`touch ${folder}/began; sleep 3; touch ${folder}/ended`]);
  await until(() => existsSync(join(folder, 'began')));
  worker.child.kill('SIGKILL');
  await worker.ended;
  await work();
  await until(async () => (await listAttempts(store.db, id))[0]?.state === 'unknown');
  expect((await findIncident(store.db, id))?.waiting).toMatchObject({ kind: 'decision', about: 'unknown' });
  await pause(3_000);
  expect(existsSync(join(folder, 'ended'))).toBe(false);
}, 60_000);

it.each([
  [['--concurrency', '0'], 'E_BAD_VALUE'],
  [['--drain', 'soon'], 'E_BAD_VALUE'],
  [['--site', 'a\u001b[31m'], 'E_BAD_VALUE'],
  [['--config', 'missing.yaml'], 'E_FILE_NOT_FOUND'],
])('refuses %j', async (args, code) => {
  const { folder, env } = await scene();
  const ended = await run(['worker', ...args], { cwd: folder, env });
  expect(ended).toMatchObject({ code: 2 });
  expect(ended.stderr).toContain(code);
  expect(ended.stderr).not.toContain('\u001b');
});
