/**
 * kill -9 of server and workers at random moments, on both stores, and PostgreSQL crashed under load: nothing that was
 * acknowledged is lost, nothing runs twice, what was interrupted is unknown in time. `npm run bench -- faults` does the
 * same 200 times, and fills disks.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { freshDatabase, postgresMissing, startPostgres } from '../postgres.ts';
import { jumpClocks } from './clock-scene.ts';
import { Scene, type Tally } from './fault-scene.ts';

const KILLS = 4;
let clean: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of clean.toReversed()) await end();
  clean = [];
});

async function scene(location: (folder: string) => string): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'allclear-faults-'));
  clean.push(async () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const made = new Scene(folder, location(folder));
  clean.push(() => made.abandon());
  await made.begin();
  return made;
}

function expectSound(tally: Tally): void {
  console.log(JSON.stringify(tally));
  expect(tally).toMatchObject({
    lost: { alerts: 0, approvals: 0, notes: 0 },
    ranTwice: 0,
    ranUnrecorded: 0,
    notUnknownInTime: 0,
    auditFindings: 0,
  });
  expect(tally.acknowledged.alerts).toBeGreaterThan(0);
  expect(tally.stepsBegun).toBeGreaterThan(0);
}

async function strikes(attacked: Scene): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    await pause(Math.random() * 800);
    await attacked.strike(kill);
  }
  await pause(1_000);
}

it('kill -9 on SQLite', async () => {
  const attacked = await scene((folder) => join(folder, 'allclear.db'));
  await strikes(attacked);
  expectSound(await attacked.end());
}, 120_000);

it.skipIf(postgresMissing !== null)(
  'kill -9 on PostgreSQL, which crashes too',
  async () => {
    const server = await startPostgres({ fsync: true });
    clean.push(() => server.remove());
    const { url } = await server.freshDatabase();
    const attacked = await scene(() => url);
    await strikes(attacked);
    await attacked.progress(1, 20);
    await server.halt('immediate');
    await pause(300);
    await server.resume();
    await attacked.progress(1, 20);
    expectSound(await attacked.end());
  },
  120_000,
);

describe('a clock that is set forward and back, while steps run and when a worker has died', () => {
  const sound = { falselyUnknown: 0, ranTwice: 0, deadUnknownInTime: true };

  it('on SQLite', async () => {
    expect(await jumpClocks(8)).toMatchObject(sound);
  }, 60_000);

  it.skipIf(postgresMissing !== null)(
    'on PostgreSQL',
    async () => {
      const database = await freshDatabase();
      clean.push(() => database.drop());
      expect(await jumpClocks(8, database.url)).toMatchObject(sound);
    },
    60_000,
  );
});
