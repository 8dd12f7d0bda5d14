/**
 * The incident service under attack, at length: kill -9 of server or worker at 200 random moments on each store, a
 * PostgreSQL that crashes under load, a disk that fills up, clocks that jump. Counted: what was acknowledged and is not
 * there, what ran twice, what was interrupted and not known to be in time.
 *
 * Real: processes, signals, both databases, the full disk (a small tmpfs, which needs root). Not real: the clock that
 * jumps is a seam in front of the machine's.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { jumpClocks } from '../test/e2e/clock-scene.ts';
import { Scene, type Tally } from '../test/e2e/fault-scene.ts';
import { startPostgres } from '../test/postgres.ts';
import type { BenchResult } from './run.ts';

const KILLS = Number(process.env['ALLCLEAR_KILLS'] ?? 200);
const CRASHES = Number(process.env['ALLCLEAR_CRASHES'] ?? 5);
const FILLINGS = 3;
const JUMPS = 20;

export async function faults(): Promise<BenchResult> {
  const sqlite = await attack((folder) => join(folder, 'allclear.db'), kills);
  const server = await startPostgres({ fsync: true });
  const postgres = await attack(async () => (await server.freshDatabase()).url, kills);
  const crashed = await attack(
    async () => (await server.freshDatabase()).url,
    async () => {
      for (let crash = 0; crash < CRASHES; crash++) {
        await pause(1_000 + Math.random() * 2_000);
        await server.halt('immediate');
        await pause(Math.random() * 1_500);
        await server.resume();
      }
      await pause(3_000);
    },
  );
  await server.remove();
  const full = await diskFull();
  const clocks = await jumpClocks(JUMPS);
  const tallies = [sqlite, postgres, crashed, ...(full === null ? [] : [full])];
  const bad =
    tallies.reduce((sum, tally) => sum + badOf(tally), 0) +
    clocks.falselyUnknown +
    clocks.ranTwice +
    (clocks.deadUnknownInTime ? 0 : 1);
  return {
    question: 'What does the service lose, or do twice, when it is killed, and its store with it?',
    measured: {
      killedOnSqlite: sqlite,
      killedOnPostgres: postgres,
      postgresCrashes: CRASHES,
      postgresCrashed: crashed,
      diskFull: full ?? 'skipped: mounting a small tmpfs needs root',
      clocksJumped: clocks,
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

/** Server and workers alike, each at a moment of chance. */
async function kills(scene: Scene): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    await pause(Math.random() * 500);
    await scene.strike(Math.floor(Math.random() * 3));
  }
}

/** The disk of a SQLite store is full for a while, again and again. Null where that cannot be arranged. */
async function diskFull(): Promise<Tally | null> {
  const disk = mkdtempSync(join(tmpdir(), 'allclear-full-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk]).status !== 0) {
    rmSync(disk, { recursive: true });
    return null;
  }
  try {
    mkdirSync(join(disk, 'store'));
    return await attack(
      () => join(disk, 'store', 'allclear.db'),
      async () => {
        for (let filling = 0; filling < FILLINGS; filling++) {
          await pause(2_000);
          fill(join(disk, 'ballast'));
          await pause(2_000);
          rmSync(join(disk, 'ballast'));
        }
        await pause(2_000);
      },
    );
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
