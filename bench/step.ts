/** What durability costs one step: intent, lease, redaction, outcome and two commits, over bare bash. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  openIncident,
  openJournal,
  type RenderedStep,
  renderStep,
  runBlock,
  type Surroundings,
} from '../src/engine/index.ts';
import { systemClock } from '../src/kernel/index.ts';
import { openStore } from '../src/store/index.ts';
import type { BenchResult } from './run.ts';

const ROUNDS = 150;
const WARM_UP = 15;
const LIMIT_MS = 5;

/** One durable `true` step beside `bash -c true`, alternating; medians of what each took. */
export async function step(): Promise<BenchResult> {
  // The store's disk is what is measured: not a file system in memory.
  const folder = mkdtempSync(join(process.env['ALLCLEAR_BENCH_DIR'] ?? tmpdir(), 'allclear-bench-step-'));
  const store = await openStore(join(folder, 'allclear.db'));
  const opening = {
    runbook: 'bench',
    version: null,
    title: 'Bench',
    severity: null,
    labels: {},
    joinKey: null,
  };
  const incident = await store.write((tx) => openIncident(tx, opening, 'bench', systemClock));
  const journal = openJournal({ store, incident, actor: 'bench' });
  const surroundings: Surroundings = {
    clock: systemClock,
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: folder, LANG: 'C.UTF-8' },
    hosts: [],
    metrics: null,
    secrets: [],
    sampleSeconds: 3,
  };
  const durable: number[] = [];
  const bare: number[] = [];
  try {
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      // A step of its own each time: a run-through of an incident, not one step over and over.
      const rendered = trueStep(round + WARM_UP + 1, surroundings);
      const approval = {
        hash: rendered.hash,
        by: ['bench'],
        how: 'person',
        expiresAt: systemClock.now() + 60_000,
      } as const;
      const bareMs = await timed(() => bash(surroundings));
      const durableMs = await timed(async () => {
        const end = await runBlock({
          journal,
          step: rendered,
          block: 0,
          approval,
          surroundings,
          worker: 'bench:1',
        });
        if (end.state !== 'succeeded') throw new Error(`the step ${end.state}`);
      });
      if (round < 0) continue;
      bare.push(bareMs);
      durable.push(durableMs);
    }
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const bareMs = quantile(bare, 0.5);
  const durableMs = quantile(durable, 0.5);
  return {
    question: 'What does one durable step cost above the command itself?',
    measured: {
      medianMs: { bash: round1(bareMs), durable: round1(durableMs), added: round1(durableMs - bareMs) },
      p95Ms: { bash: round1(quantile(bare, 0.95)), durable: round1(quantile(durable, 0.95)) },
      rounds: ROUNDS,
    },
    ratio: durableMs / bareMs,
    target: `at most ${LIMIT_MS} ms above bash -c true (median)`,
    met: durableMs - bareMs <= LIMIT_MS,
  };
}

function trueStep(index: number, surroundings: Surroundings): RenderedStep {
  const block = {
    name: null,
    language: 'bash',
    command: 'true',
    timeout: null,
    undo: null,
    attributes: {},
    line: 1,
  } as const;
  const blocks = [block];
  return renderStep(
    { index, title: 'True', prose: '', manual: false, risk: 'safe', riskStated: true, blocks, line: 1 },
    surroundings,
  );
}

/** Piped like a step's, so that only durability differs. */
function bash({ cwd, env }: Surroundings): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', 'true'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.resume();
    child.stderr.resume();
    child.on('error', reject);
    child.on('close', () => resolve());
  });
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}

if (import.meta.main) console.log(JSON.stringify(await step(), null, 2));
