/**
 * The clock that leases are judged by is set forward and back by an hour, again and again: a seam stands for the
 * machine's clock, as nothing here may set the real one. On SQLite that clock is the store's; on PostgreSQL leases go by
 * the server's, which the clocks of workers do not touch.
 */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Execute, runWorker } from '../../src/engine/index.ts';
import { autonomousDesk, openSteps, stepsBook, workerOptions } from '../../src/engine/work/testing.ts';
import { type Clock, systemClock } from '../../src/kernel/index.ts';
import { listEvents, openStore, type Store } from '../../src/store/index.ts';

const HOUR = 3_600_000;
const LEASE = { ms: 1_000, renewMs: 250 };
const STEPS = 3;
const INCIDENTS = 4;

export interface ClockTally {
  readonly jumps: number;
  readonly steps: number;
  /** Steps of a living worker that were taken for dead. */
  readonly falselyUnknown: number;
  readonly ranTwice: number;
  readonly deadUnknownSeconds: number;
  readonly deadUnknownInTime: boolean;
}

/** @param location a PostgreSQL store's; without it a SQLite store is made */
export async function jumpClocks(jumps: number, location?: string): Promise<ClockTally> {
  const folder = mkdtempSync(join(tmpdir(), 'allclear-clock-'));
  let offset = 0;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + offset };
  const store = await openStore(location ?? join(folder, 'allclear.db'), { clock });
  try {
    const desk = autonomousDesk(store);
    const log = join(folder, 'log');
    // Longer than a lease: each is renewed while the clock jumps.
    const execute = slowly(log, 1_500);
    const worker = await runWorker(workerOptions(desk, { lease: LEASE, execute, concurrency: 8 }));
    const book = stepsBook(Array.from({ length: STEPS }, (_, index) => `true # ${index}`));
    const ids: string[] = [];
    for (let count = 0; count < INCIDENTS; count++) ids.push(await openSteps(desk, book));
    for (let jump = 0; jump < jumps; jump++) {
      await pause(400);
      offset += jump % 2 === 0 ? HOUR : -HOUR;
    }
    // Forward by what approvals hold for may end one before its step has begun; then a person is asked, as always.
    await pause(2_000);
    await worker.stop();
    const unknown = (await Promise.all(ids.map((id) => kinds(store, id)))).flat();
    const ran = readFileSync(log, 'utf8').trim().split('\n');
    const seconds = await deadAfterSettingBack(store, () => {
      offset -= HOUR;
    });
    return {
      jumps,
      steps: ran.length,
      falselyUnknown: unknown.filter((kind) => kind === 'step-unknown').length,
      ranTwice: ran.length - new Set(ran).size,
      deadUnknownSeconds: seconds,
      deadUnknownInTime: seconds <= LEASE.ms / 1_000 + 5,
    };
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A worker falls silent in a step, and the clock is set back: how long until the step is unknown, in seconds. */
async function deadAfterSettingBack(store: Store, setBack: () => void): Promise<number> {
  const desk = autonomousDesk(store);
  const silent = { ms: LEASE.ms, renewMs: HOUR };
  const hangs: Execute = () => new Promise(() => {});
  const dead = await runWorker(workerOptions(desk, { lease: silent, execute: hangs, drainSeconds: 0 }));
  const id = await openSteps(desk, stepsBook(['true']));
  while (!(await kinds(store, id)).includes('step-intended')) await pause(20);
  const began = performance.now();
  setBack();
  const other = await runWorker(workerOptions(desk, { lease: LEASE }));
  while (!(await kinds(store, id)).includes('step-unknown')) {
    if (performance.now() - began > 30_000) break;
    await pause(20);
  }
  const seconds = (performance.now() - began) / 1000;
  await other.stop();
  await dead.stop();
  return Number(seconds.toFixed(2));
}

async function kinds(store: Store, id: string): Promise<string[]> {
  return (await listEvents(store.db, id)).map(({ kind }) => kind);
}

/** In-process steps that write down that they ran, and take their time. */
function slowly(log: string, ms: number): Execute {
  return async ({ command, surroundings, signal }) => {
    appendFileSync(log, `${surroundings.env['ALLCLEAR_INCIDENT']} ${command}\n`);
    await systemClock.sleep(ms, signal).catch(() => {});
    return {
      exit: signal?.aborted ? null : 0,
      signal: null,
      stdout: '',
      stderr: '',
      truncated: false,
      timedOut: false,
      cancelled: signal?.aborted === true,
      missingCommand: null,
      unreachable: null,
      blocked: null,
      pipeline: [],
      durationMs: ms,
    };
  };
}
