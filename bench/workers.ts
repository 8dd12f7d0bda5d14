/**
 * Eight worker processes on one PostgreSQL: how many `true` steps a second, each durable from intent to outcome and
 * planned again after it; and that each ran exactly once, as the steps themselves say, not the store. Workers run for
 * weeks: they have done some work before it counts.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openIncident, openPage, planNext } from '../src/engine/index.ts';
import { autonomousDesk } from '../src/engine/work/testing.ts';
import { systemClock } from '../src/kernel/index.ts';
import { openStore, type Store } from '../src/store/index.ts';
import { startPostgres } from '../test/postgres.ts';
import type { BenchResult } from './run.ts';
import { manySteps } from './workers/many-steps.ts';

const WORKERS = 8;
const STEPS = Number(process.env['ALLCLEAR_BENCH_STEPS'] ?? 10_000);
const WARM_UP_STEPS = STEPS / 2;
const STEPS_EACH = 10;
const CONCURRENCY = 32;
const LIMIT_PER_SECOND = 1_000;
const MAX_SECONDS = 120;

export async function workers(): Promise<BenchResult> {
  const server = await startPostgres({ fsync: true });
  const folder = mkdtempSync(join(tmpdir(), 'allclear-bench-workers-'));
  const { url } = await server.freshDatabase();
  const store = await openStore(url);
  const children: ChildProcess[] = [];
  try {
    for (let index = 0; index < WORKERS; index++) children.push(startChild(url, folder));
    await whenReady(children);
    await prepare(store, WARM_UP_STEPS);
    await carryOut(store, children);
    await nothingLeft(store);
    const paused = whenReady(children);
    for (const child of children) child.send('pause');
    await paused;
    await prepare(store, STEPS);
    const seconds = await carryOut(store, children);
    const attempts = await countAttempts(store);
    for (const child of children) child.send('stop');
    await Promise.all(children.map((child) => once(child, 'exit')));
    return judge(readExecutions(folder, 2), seconds, attempts);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await store.close();
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Incidents whose first step is ready; the policy lets the others follow. */
async function prepare(store: Store, steps: number): Promise<void> {
  const desk = autonomousDesk(store);
  const runbook = manySteps(STEPS_EACH);
  const opening = {
    runbook: runbook.id,
    version: { file: runbook.file, source: runbook.source },
    title: 'Bench',
    severity: null,
    labels: {},
    joinKey: null,
  };
  for (let left = steps / STEPS_EACH; left > 0; left -= 100) {
    await store.write(async (tx) => {
      const ids: string[] = [];
      for (let index = 0; index < Math.min(100, left); index++) {
        const id = await openIncident(tx, opening, 'bench', systemClock);
        const page = openPage(tx, { incident: id, actor: 'bench', at: store.now() });
        await page.move({ kind: 'diagnosis-started' }, {});
        const found = { verdict: 'confirmed', why: 'it is' } as const;
        await page.move({ kind: 'verdict-reached', ...found }, { ...found, readings: [] });
        ids.push(id);
      }
      await planNext(desk)(
        tx,
        ids.map((incident) => ({ incident, events: [] })),
        store.now(),
      );
    });
  }
}

function startChild(url: string, folder: string): ChildProcess {
  const program = join(import.meta.dirname, 'workers/child.ts');
  return fork(program, [url, folder, String(CONCURRENCY)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

async function whenReady(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(children.map((child) => once(child, 'message')));
}

/** Tells the workers to go, and returns after how many seconds every step has ended. */
async function carryOut(store: Store, children: readonly ChildProcess[]): Promise<number> {
  const { all, succeeded } = await countAttempts(store);
  if (all !== succeeded) throw new Error(`${all - succeeded} steps of the warm-up did not end well`);
  const incidents = await store.db
    .selectFrom('incidents')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .executeTakeFirstOrThrow();
  const wanted = Number(incidents.count) * STEPS_EACH;
  const began = performance.now();
  for (const child of children) child.send('go');
  while ((await countAttempts(store)).succeeded < wanted) {
    if (performance.now() - began > MAX_SECONDS * 1000) throw new Error(`not done within ${MAX_SECONDS} s`);
    await pause(200);
  }
  return (performance.now() - began) / 1000;
}

/** Verifications come after the last steps. */
async function nothingLeft(store: Store): Promise<void> {
  const until = performance.now() + MAX_SECONDS * 1000;
  while (await store.db.selectFrom('work').select('incident').executeTakeFirst()) {
    if (performance.now() > until) throw new Error(`work was left after ${MAX_SECONDS} s`);
    await pause(200);
  }
}

interface Attempts {
  readonly all: number;
  readonly succeeded: number;
}

async function countAttempts(store: Store): Promise<Attempts> {
  const rows = await store.db
    .selectFrom('step_attempts')
    .select((eb) => ['state', eb.fn.countAll<string>().as('count')])
    .groupBy('state')
    .execute();
  const count = (wanted: (state: string) => boolean) =>
    rows.filter(({ state }) => wanted(state)).reduce((sum, row) => sum + Number(row.count), 0);
  return { all: count(() => true), succeeded: count((state) => state === 'succeeded') };
}

/** What each worker process ran after so many times `go`, as its steps wrote it down: `incident command` lines. */
function readExecutions(folder: string, run: number): string[][] {
  const files = readdirSync(folder).filter((file) => file.endsWith(`.${run}`));
  return files.map((file) =>
    readFileSync(join(folder, file), 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
  );
}

function judge(executions: readonly string[][], seconds: number, attempts: Attempts): BenchResult {
  const all = executions.flat();
  const distinct = new Set(all).size;
  const shares = executions.map((lines) => lines.length).toSorted((a, b) => a - b);
  const perSecond = STEPS / seconds;
  const exactlyOnce = all.length === STEPS && distinct === STEPS && attempts.all === WARM_UP_STEPS + STEPS;
  const fewestOverMost = shares.length === WORKERS ? shares[0]! / shares.at(-1)! : 0;
  return {
    question: `How many steps a second do ${WORKERS} workers on one PostgreSQL carry out, each exactly once?`,
    measured: {
      steps: STEPS,
      incidents: STEPS / STEPS_EACH,
      seconds: Number(seconds.toFixed(2)),
      stepsPerSecond: Math.round(perSecond),
      executed: all.length,
      executedDistinct: distinct,
      attempts: attempts.all - WARM_UP_STEPS,
      warmUpSteps: WARM_UP_STEPS,
      perWorker: shares,
      fewestOverMost: Number(fewestOverMost.toFixed(2)),
    },
    ratio: perSecond / LIMIT_PER_SECOND,
    target: `at least ${LIMIT_PER_SECOND} steps/s, each of ${STEPS} exactly once, no worker starved (fewest/most at least 0.5)`,
    met: exactlyOnce && perSecond >= LIMIT_PER_SECOND && fewestOverMost >= 0.5,
  };
}
