/**
 * The incident service under attack, at length: kill -9 of server or worker at 200 random moments on each store, a
 * PostgreSQL that crashes under load, a disk that fills up, clocks that jump. Counted: what was acknowledged and is not
 * there, what ran twice, what was interrupted and not known to be in time.
 *
 * Real: processes, signals, both databases, the full disks (a small tmpfs for each, which needs root). Not real: the clock
 * that jumps is a seam in front of the machine's.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type ClockTally, jumpClocks } from '../test/e2e/clock-scene.ts';
import { PROGRAMS, Scene, type Tally } from '../test/e2e/fault-scene.ts';
import { startPostgres } from '../test/postgres.ts';
import type { BenchResult } from './run.ts';

const KILLS = Number(process.env['ALLCLEAR_KILLS'] ?? 200);
const CRASHES = Number(process.env['ALLCLEAR_CRASHES'] ?? 5);
const FILLINGS = 3;
const JUMPS = 20;
const SKIPPED = 'skipped: mounting a small tmpfs needs root';

export async function faults(): Promise<BenchResult> {
  const sqlite = await attack((folder) => join(folder, 'allclear.db'), kills);
  const server = await startPostgres({ fsync: true });
  const postgres = await attack(async () => (await server.freshDatabase()).url, kills);
  const crashed = await attack(
    async () => (await server.freshDatabase()).url,
    async (scene) => {
      for (let crash = 0; crash < CRASHES; crash++) {
        await scene.progress(5, 30);
        await pause(Math.random() * 1_000);
        await server.halt('immediate');
        await pause(Math.random() * 1_500);
        await server.resume();
      }
      await scene.progress(5, 30);
    },
  );
  const clocks = await jumpClocks(JUMPS);
  const clocksOnPostgres = await jumpClocks(JUMPS, (await server.freshDatabase()).url);
  await server.remove();
  const full = await diskFull();
  const fullOnPostgres = await postgresDiskFull();
  const tallies = [sqlite, postgres, crashed, full, fullOnPostgres].filter((tally) => tally !== null);
  const bad =
    tallies.reduce((sum, tally) => sum + badOf(tally), 0) + badClocks(clocks) + badClocks(clocksOnPostgres);
  return {
    question: 'What does the service lose, or do twice, when it is killed, and its store with it?',
    measured: {
      killedOnSqlite: sqlite,
      killedOnPostgres: postgres,
      postgresCrashes: CRASHES,
      postgresCrashed: crashed,
      diskFull: full ?? SKIPPED,
      postgresDiskFull: fullOnPostgres ?? SKIPPED,
      clocksJumped: clocks,
      clocksJumpedOnPostgres: clocksOnPostgres,
    },
    ratio: bad,
    target:
      '0 acknowledged alerts, approvals or notes lost, 0 steps run twice, every interrupted one unknown within its lease + 5 s',
    met: bad === 0,
  };
}

function badOf(tally: Tally): number {
  const { lost, ranTwice, ranUnrecorded, notUnknownInTime, auditFindings } = tally;
  return (
    lost.alerts + lost.approvals + lost.notes + ranTwice + ranUnrecorded + notUnknownInTime + auditFindings
  );
}

function badClocks({ falselyUnknown, ranTwice, deadUnknownInTime }: ClockTally): number {
  return falselyUnknown + ranTwice + (deadUnknownInTime ? 0 : 1);
}

type Location = (folder: string) => string | Promise<string>;

async function attack(location: Location, how: (scene: Scene) => Promise<void>): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'allclear-faults-'));
  const scene = new Scene(folder, await location(folder));
  try {
    await scene.begin();
    await how(scene);
    return await scene.end();
  } finally {
    await scene.abandon();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Server and workers alike, each at a moment of chance in which steps are under way. */
async function kills(scene: Scene): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    await scene.steps(10);
    await pause(Math.random() * 500);
    await scene.strike(Math.floor(Math.random() * PROGRAMS));
  }
  await scene.progress(5, 30);
}

/** The disk of a SQLite store is full for a while, again and again. Null where that cannot be arranged. */
function diskFull(): Promise<Tally | null> {
  return onSmallDisk('24m', (disk) => {
    mkdirSync(join(disk, 'store'));
    return attack(
      () => join(disk, 'store', 'allclear.db'),
      (scene) => fillings(scene, disk, async () => {}),
    );
  });
}

/** The same with PostgreSQL, which may give up: then somebody makes room and starts it again. */
function postgresDiskFull(): Promise<Tally | null> {
  return onSmallDisk('160m', async (disk) => {
    chmodSync(disk, 0o755);
    const settings = ['min_wal_size=32MB', 'max_wal_size=48MB'];
    const server = await startPostgres({ fsync: true, parent: disk, settings });
    try {
      const { url } = await server.freshDatabase();
      return await attack(
        () => url,
        (scene) => fillings(scene, disk, () => server.resume()),
      );
    } finally {
      await server.remove();
    }
  });
}

async function fillings(scene: Scene, disk: string, repair: () => Promise<void>): Promise<void> {
  for (let filling = 0; filling < FILLINGS; filling++) {
    await scene.progress(5, 30);
    fill(join(disk, 'ballast'));
    await pause(2_000);
    fill(join(disk, 'ballast'));
    await pause(1_000);
    rmSync(join(disk, 'ballast'));
    await repair();
  }
  await scene.progress(5, 30);
}

async function onSmallDisk(
  size: string,
  work: (disk: string) => Promise<Tally | null>,
): Promise<Tally | null> {
  const disk = mkdtempSync(join(tmpdir(), 'allclear-full-'));
  try {
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk]).status !== 0) return null;
    return await work(disk);
  } finally {
    spawnSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true, force: true });
  }
}

/** Until nothing more fits. */
function fill(file: string): void {
  for (let size = 1024 * 1024; size >= 512; ) {
    try {
      writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
    } catch {
      size /= 2;
    }
  }
}
