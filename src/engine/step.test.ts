import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AllclearError, systemClock, TestClock } from '../kernel/index.ts';
import { listAttempts, openStore, type Store } from '../store/index.ts';
import { type Journal, openIncident, openJournal } from './journal.ts';
import { progressOf } from './progress.ts';
import { type Approval, type RenderedStep, renderStep } from './rendered-step.ts';
import { type BlockRun, runBlock, sweepLeases } from './step.ts';
import { testSurroundings } from './testing.ts';
import { testStep } from './testing-steps.ts';

let store: Store;
let journal: Journal;
let folder = '';

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'allclear-step-'));
  store = await openStore(':memory:');
  journal = await newJournal(store);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

async function newJournal(where: Store): Promise<Journal> {
  const opening = {
    runbook: 'test',
    version: null,
    title: 'Test',
    severity: null,
    labels: {},
    joinKey: null,
  };
  const incident = await where.write((tx) => openIncident(tx, opening, 'ada', systemClock));
  return openJournal({ store: where, incident, actor: 'ada' });
}

function approved(step: RenderedStep): Approval {
  return { hash: step.hash, by: ['ada'], how: 'person', expiresAt: systemClock.now() + 60_000 };
}

function blockRun(command: string, changes: Partial<BlockRun> = {}): BlockRun {
  const surroundings = testSurroundings({ cwd: folder });
  const step = renderStep(testStep(1, [command]), surroundings);
  return { journal, step, block: 0, approval: approved(step), surroundings, worker: 'here:1', ...changes };
}

const code = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it went through',
    (error: AllclearError) => error.code,
  );

describe('a durable step', () => {
  it('has its intent in the store before its command runs, and its outcome after', async () => {
    const seen: unknown[] = [];
    const end = await runBlock(
      blockRun('echo working; echo oops >&2; sleep 0.1', {
        onOutput: () => void listAttempts(store.db, journal.incident).then((all) => seen.push(all[0]?.state)),
      }),
    );
    expect(seen[0]).toBe('intended');
    expect(end).toMatchObject({
      state: 'succeeded',
      exit: 0,
      attempt: 1,
      output: 'working\n--- stderr ---\noops\n',
    });
    const [attempt] = await listAttempts(store.db, journal.incident);
    expect(attempt).toMatchObject({ state: 'succeeded', exit: 0, worker: 'here:1', fence: 1 });
    const kinds = (await journal.timeline()).map((event) => event.kind);
    expect(kinds).toEqual(['opened', 'step-intended', 'step-ended']);
  });

  it.each([
    ['exit 3', 'failed', 3],
    ['kill -9 $$', 'failed', null],
    ['nosuchcommand', 'failed', 127],
  ])('records how `%s` ended', async (command, state, exit) => {
    expect(await runBlock(blockRun(command))).toMatchObject({ state, exit });
    expect((await listAttempts(store.db, journal.incident))[0]).toMatchObject({ state, exit });
  });

  it('records a time-out and a cancel as such', async () => {
    const surroundings = testSurroundings({ cwd: folder });
    const base = testStep(1, ['sleep 30']);
    const step = renderStep({ ...base, blocks: [{ ...base.blocks[0]!, timeout: 0.2 }] }, surroundings);
    const run = { ...blockRun(''), step, approval: approved(step) };
    expect((await runBlock(run)).state).toBe('timed-out');
    const stop = new AbortController();
    const cancelled = runBlock(blockRun('sleep 30', { signal: stop.signal }));
    await pause(150);
    stop.abort();
    expect((await cancelled).state).toBe('cancelled');
  });

  it('never stores a secret that the command prints', async () => {
    const surroundings = testSurroundings({ cwd: folder, secrets: ['hunter2-is-secret'] });
    await runBlock(blockRun('echo token is hunter2-is-secret', { surroundings }));
    expect((await listAttempts(store.db, journal.incident))[0]?.output).not.toContain('hunter2');
  });

  it('does not run what was not approved in exactly this form', async () => {
    const run = blockRun('touch ran');
    const parameter = testSurroundings({ env: { ...run.surroundings.env, PARAM_REGION: 'eu' } });
    const base = testStep(1, ['touch ran']);
    const variants = [
      renderStep(testStep(1, ['touch ran ']), run.surroundings),
      renderStep(base, parameter),
      renderStep({ ...base, risk: 'disruptive' }, run.surroundings),
      renderStep({ ...base, blocks: [{ ...base.blocks[0]!, language: 'sh' }] }, run.surroundings),
      renderStep({ ...base, blocks: [{ ...base.blocks[0]!, timeout: 9 }] }, run.surroundings),
    ];
    for (const step of variants) expect(await code(runBlock({ ...run, step }))).toBe('E_APPROVAL_STALE');
    const old = { ...run.approval, expiresAt: systemClock.now() };
    expect(await code(runBlock({ ...run, approval: old }))).toBe('E_APPROVAL_STALE');
    expect(existsSync(join(folder, 'ran'))).toBe(false);
    expect(await listAttempts(store.db, journal.incident)).toEqual([]);
  });

  it('runs one step of an incident at a time', async () => {
    const first = runBlock(blockRun('sleep 0.5; echo one >> log'));
    await pause(100);
    expect(await code(runBlock(blockRun('echo two >> log')))).toBe('E_STEP_BUSY');
    await first;
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('one\n');
  });

  it('keeps its lease while it runs, however long that is', async () => {
    const lease = { ms: 300, renewMs: 80 };
    const run = runBlock(blockRun('sleep 1', { lease }));
    for (let look = 0; look < 8; look++) {
      await pause(100);
      expect(await sweepLeases(store, 'sweeper')).toBe(0);
    }
    expect((await run).state).toBe('succeeded');
  });

  it('becomes unknown when its worker falls silent, and its late result is refused', async () => {
    // The renewal never comes, as in a process that hangs.
    const lease = { ms: 200, renewMs: 60_000 };
    const late = code(runBlock(blockRun('sleep 0.6; echo ran >> log', { lease })));
    await pause(300);
    expect(await sweepLeases(store, 'sweeper')).toBe(1);
    const [attempt] = await listAttempts(store.db, journal.incident);
    expect(attempt).toMatchObject({ state: 'unknown', fence: 2 });
    expect(await late).toBe('E_STEP_LATE');
    expect((await listAttempts(store.db, journal.incident))[0]).toMatchObject({
      state: 'unknown',
      exit: null,
    });
    const kinds = (await journal.timeline()).map((event) => event.kind);
    expect(kinds).toEqual(['opened', 'step-intended', 'step-unknown', 'step-late']);
    expect(await code(runBlock(blockRun('echo again >> log')))).toBe('E_STEP_UNDECIDED');
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('ran\n');
  });

  it('stops its command when it has lost its lease', async () => {
    const lease = { ms: 150, renewMs: 400 };
    const late = code(runBlock(blockRun('sleep 2; echo ran >> log', { lease })));
    await pause(250);
    expect(await sweepLeases(store, 'sweeper')).toBe(1);
    expect(await late).toBe('E_STEP_LATE');
    expect(existsSync(join(folder, 'log'))).toBe(false);
  });

  it('judges leases by the clock of the store', async () => {
    const clock = new TestClock();
    const own = await openStore(':memory:', { clock });
    const mine = await newJournal(own);
    const run = runBlock({
      ...blockRun('sleep 0.3'),
      journal: mine,
      approval: { ...blockRun('sleep 0.3').approval },
    });
    await pause(100);
    await clock.advance(4_999);
    expect(await sweepLeases(own, 'sweeper')).toBe(0);
    await clock.advance(1);
    expect(await sweepLeases(own, 'sweeper')).toBe(1);
    expect(await code(run)).toBe('E_STEP_LATE');
    await own.close();
  });
});

describe('progress', () => {
  it('goes on with the block after the last that succeeded', async () => {
    const step = testStep(1, ['true', 'exit 1', 'true']);
    const surroundings = testSurroundings({ cwd: folder });
    const rendered = renderStep(step, surroundings);
    for (const block of [0, 1])
      await runBlock({ ...blockRun(''), step: rendered, block, approval: approved(rendered) });
    const [progress] = progressOf([step], await journal.timeline());
    expect(progress).toMatchObject({ state: 'failed', nextBlock: 1 });
  });
});
