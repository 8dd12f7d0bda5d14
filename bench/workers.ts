/**
 * Eight worker processes on one PostgreSQL: how many `true` steps a second, each durable from intent to outcome and
 * planned again after it; and that each ran exactly once, as the steps themselves say, not the store.
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
    await prepare(store);
    for (let index = 0; index < WORKERS; index++) children.push(startChild(url, folder));
    await Promise.all(children.map((child) => once(child, 'message')));
    const began = performance.now();
    for (const child of children) child.send('go');
    await allEnded(store);
    const seconds = (performance.now() - began) / 1000;
    const attempts = await countAttempts(store);
    for (const child of children) child.send('stop');
    await Promise.all(children.map((child) => once(child, 'exit')));
    return judge(readExecutions(folder), seconds, attempts);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await store.close();
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Incidents whose first step is ready; the policy lets the others follow. */
export async function prepare(store: Store): Promise<void> {
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
  for (let left = STEPS / STEPS_EACH; left > 0; left -= 100) {
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

async function allEnded(store: Store): Promise<void> {
  const until = performance.now() + MAX_SECONDS * 1000;
  while ((await countAttempts(store)).succeeded < STEPS) {
    if (performance.now() > until) throw new Error(`not done within ${MAX_SECONDS} s`);
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

/** What each worker process ran, as its steps wrote it down while they ran: `incident command` lines. */
function readExecutions(folder: string): string[][] {
  return readdirSync(folder).map((file) =>
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
  const exactlyOnce = all.length === STEPS && distinct === STEPS && attempts.all === STEPS;
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
      attempts: attempts.all,
      perWorker: shares,
      fewestOverMost: Number(fewestOverMost.toFixed(2)),
    },
    ratio: perSecond / LIMIT_PER_SECOND,
    target: `at least ${LIMIT_PER_SECOND} steps/s, each of ${STEPS} exactly once, no worker starved (fewest/most at least 0.5)`,
    met: exactlyOnce && perSecond >= LIMIT_PER_SECOND && fewestOverMost >= 0.5,
  };
}
