/**
 * Kill -9 at random moments of a run, in the real program: nothing that it acknowledged is lost, and
 * no step is run twice without somebody's decision.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { readTimeline, sweepLeases } from '../../src/engine/index.ts';
import { listAttempts, listEvents, listIncidents, openStore } from '../../src/store/index.ts';
import { MAIN } from './program.ts';

const KILLS = Number(process.env['ALLCLEAR_KILLS'] ?? 50);
const AT_ONCE = 4;
const STEPS = 4;
/** Events of a whole run that come before the last. */
const EVENTS = 5 + STEPS * 3;
const LEASE_SECONDS = 0.4;
const SEED = Number(process.env['ALLCLEAR_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** mulberry32: small, and the same everywhere. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const check = (name: string): string =>
  `\`\`\`bash {"name":"${name}","normal":"value == 0","within":"1s"}\ntest -e sick && echo 1 || echo 0\n\`\`\``;

/** Each step leaves a mark when it begins and one when it ends; the last one cures. */
function runbook(): string {
  const steps = Array.from({ length: STEPS }, (_, index) => {
    const cure = index === STEPS - 1 ? 'rm -f sick; ' : '';
    return `${index + 1}. **Step ${index + 1}**\n   \`\`\`bash\n   echo begin >> ${index + 1}.log; sleep 0.08; ${cure}echo end >> ${index + 1}.log\n   \`\`\``;
  });
  return `# Sick\n\n## Diagnosis\n\n${check('sick')}\n\n## Remediation\n\n${steps.join('\n')}\n\n## Verify\n\n${check('well')}\n`;
}

interface Outcome {
  code: number | null;
  signal: string | null;
  /** Sequence numbers of the events that the program said are durable. */
  acknowledged: { seq: number; kind: string }[];
  stderr: string;
}

/** A moment: so many acknowledged events (0: the start), and so many milliseconds after. */
interface Moment {
  events: number;
  after: number;
}

/** Runs the program in `folder`, and kills it at the moment. */
function run(folder: string, args: readonly string[], moment: Moment | null): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, 'run', ...args, '--yes', '--json'], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        USER: 'tester',
        ALLCLEAR_LEASE_SECONDS: String(LEASE_SECONDS),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    let armed = false;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (moment === null || armed || eventsIn(stderr).length < moment.events) return;
      strike(moment.after);
    });
    const strike = (after: number) => {
      armed = true;
      setTimeout(() => child.kill('SIGKILL'), after);
    };
    if (moment?.events === 0) strike(moment.after);
    child.on('close', (code, signal) => resolve({ code, signal, acknowledged: eventsIn(stderr), stderr }));
  });
}

function eventsIn(stderr: string): { seq: number; kind: string }[] {
  const whole = stderr.slice(0, stderr.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line.startsWith('{"event":'))
    .map((line) => (JSON.parse(line) as { event: { seq: number; kind: string } }).event);
}

const lines = (file: string): string[] =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];

interface Tally {
  runs: number;
  /** Ended by SIGKILL before they ended by themselves. */
  killed: number;
  acknowledged: number;
  lost: number;
  interrupted: number;
  interruptedAfterEffect: number;
  ranTwice: number;
  rerunUndecided: number;
  beforeOpening: number;
  completed: number;
  slowestUnknownMs: number;
}

async function oneKill(moment: Moment, tally: Tally): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'allclear-kill-'));
  try {
    writeFileSync(join(folder, 'sick.md'), runbook());
    writeFileSync(join(folder, 'sick'), '');
    const first = await run(folder, ['sick.md'], moment);
    const killedAt = performance.now();
    tally.runs++;
    if (first.signal !== 'SIGKILL') return;
    tally.killed++;
    await afterKill(folder, first, killedAt, tally);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function afterKill(folder: string, first: Outcome, killedAt: number, tally: Tally): Promise<void> {
  const store = await openStore(join(folder, '.allclear', 'allclear.db'));
  try {
    const [incident] = await listIncidents(store.db, { limit: 2 });
    if (!incident) {
      // Killed before it was opened: then nothing was said and nothing done.
      expect(first.acknowledged).toEqual([]);
      expect(effects(folder).every(({ begin }) => begin === 0)).toBe(true);
      tally.beforeOpening++;
      return;
    }
    const stored = await listEvents(store.db, incident.id);
    tally.acknowledged += first.acknowledged.length;
    for (const { seq, kind } of first.acknowledged) if (stored[seq - 1]?.kind !== kind) tally.lost++;

    // An interrupted step is unknown once its lease has ended, and nobody runs it again.
    const live = (await listAttempts(store.db, incident.id)).find(
      ({ state }) => state === 'intended' || state === 'running',
    );
    if (live) {
      tally.interrupted++;
      for (;;) {
        await sweepLeases(store, 'test');
        const now = (await listAttempts(store.db, incident.id)).find(({ id }) => id === live.id);
        if (now?.state === 'unknown') break;
        expect(performance.now() - killedAt, 'unknown in time').toBeLessThan(LEASE_SECONDS * 1000 + 5_000);
        await pause(20);
      }
      tally.slowestUnknownMs = Math.max(tally.slowestUnknownMs, performance.now() - killedAt);
    }
    const before = effects(folder);
    if (live) {
      if (before[live.step - 1]!.begin > 0) tally.interruptedAfterEffect++;

      // Without a decision: refused, and nothing has run.
      const undecided = await run(folder, ['--incident', incident.id], null);
      expect(undecided.code, undecided.stderr).toBe(2);
      expect(undecided.stderr).toContain('E_APPROVAL_NEEDED');
      if (effects(folder).some(({ begin }, step) => begin !== before[step]!.begin)) tally.rerunUndecided++;
    }

    // With the decision that fits what is found, the run completes.
    const tookEffect = live !== undefined && before[live.step - 1]!.end > 0;
    const decision = live === undefined ? [] : ['--unknown', tookEffect ? 'done' : 'again'];
    const resumed = await run(folder, ['--incident', incident.id, ...decision], null);
    expect(resumed.code, resumed.stderr).toBe(0);
    tally.completed++;

    effects(folder).forEach(({ begin, end }, index) => {
      const decided = live?.step === index + 1 && !tookEffect;
      // Only the step that a person said to run again may have begun twice, and none ended twice.
      if (begin > (decided ? 2 : 1) || end > 1) tally.ranTwice++;
      expect(end, `step ${index + 1} took effect`).toBe(1);
    });
    const seqs = (await listEvents(store.db, incident.id)).map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    const ended = readTimeline(await listEvents(store.db, incident.id)).at(-1);
    expect(ended?.kind).toBe('verified');
  } finally {
    await store.close();
  }
}

function effects(folder: string): { begin: number; end: number }[] {
  return Array.from({ length: STEPS }, (_, index) => {
    const log = lines(join(folder, `${index + 1}.log`));
    return {
      begin: log.filter((line) => line === 'begin').length,
      end: log.filter((line) => line === 'end').length,
    };
  });
}

it(`loses nothing and runs nothing twice when killed at ${KILLS} random moments`, async () => {
  const next = random(SEED);
  const began = performance.now();

  const tally: Tally = {
    runs: 0,
    killed: 0,
    acknowledged: 0,
    lost: 0,
    interrupted: 0,
    interruptedAfterEffect: 0,
    ranTwice: 0,
    rerunUndecided: 0,
    beforeOpening: 0,
    completed: 0,
    slowestUnknownMs: 0,
  };
  const worker = async (): Promise<void> => {
    // A run that ended before its moment came is counted apart, and does not stand for a kill.
    while (tally.killed < KILLS && tally.runs < KILLS * 3) {
      // One in eight already while it starts and opens the store.
      const early = next() < 1 / 8;
      const moment = early
        ? { events: 0, after: next() * 500 }
        : { events: 1 + Math.floor(next() * EVENTS), after: next() * 120 };
      await oneKill(moment, tally);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`kill -9: seed ${SEED}, ${JSON.stringify(tally)}, ${seconds} s`);

  expect(tally).toMatchObject({
    lost: 0,
    ranTwice: 0,
    rerunUndecided: 0,
    completed: tally.killed - tally.beforeOpening,
  });
  expect(tally.killed).toBeGreaterThanOrEqual(KILLS);
  expect(tally.interrupted).toBeGreaterThan(0);
}, 900_000);
