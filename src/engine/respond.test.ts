import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AllclearError, systemClock } from '../kernel/index.ts';
import type { Runbook, Step } from '../runbook/index.ts';
import { insertIntent, listEvidence, openStore, type Store } from '../store/index.ts';
import { historyEntry } from './history-entry.ts';
import { type Journal, openIncident, openJournal } from './journal.ts';
import type { Operator } from './operator.ts';
import { respond } from './respond.ts';
import { DEFAULT_POLICY, type Respond } from './response.ts';
import { condition, testCheck, testRunbook, testSurroundings } from './testing.ts';
import { testStep } from './testing-steps.ts';

let folder = '';
let store: Store;
let journal: Journal;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'allclear-respond-'));
  store = await openStore(':memory:');
  const opening = {
    runbook: 'test',
    version: null,
    title: 'Test',
    severity: null,
    labels: {},
    joinKey: null,
  };
  const incident = await store.write((tx) => openIncident(tx, opening, 'ada', systemClock));
  journal = openJournal({ store, incident, actor: 'ada' });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The system is sick while the file `sick` exists. */
function sickness(steps: readonly Step[]): Runbook {
  writeFileSync(join(folder, 'sick'), '');
  const command = 'test -e sick && echo 1 || echo 0';
  return {
    ...testRunbook([
      testCheck('sick', command, { normal: condition('value == 0.0') }),
      testCheck('well', command, { section: 'verify', normal: condition('value == 0.0'), within: 0.2 }),
    ]),
    steps,
  };
}

/** Says yes to everything, and writes down what it was asked. */
function willing(asked: string[], changes: Partial<Operator> = {}): Operator {
  const note = <T>(what: string, answer: T): Promise<T> => {
    asked.push(what);
    return Promise.resolve(answer);
  };
  return {
    proceed: (verdict) => note(`proceed ${verdict.verdict}`, 'proceed' as const),
    approve: (step) =>
      note(`approve ${step.index}`, { decision: 'approved', by: ['ada'], how: 'person' } as const),
    reportManual: (step) => note(`manual ${step.index}`, { outcome: 'done', note: '' } as const),
    decideUnknown: (attempt) => note(`unknown ${attempt.step}`, 'again' as const),
    decideFailed: (step) => note(`failed ${step.index}`, 'abort' as const),
    answer: (question) => note(`answer ${question}`, 'unknown' as const),
    stopEarly: (after) => note(`early ${after.index}`, true),
    afterFailedVerify: (_why, proposal) =>
      note(`not verified, try ${proposal?.index ?? 'nothing'}`, { action: 'stop', why: 'enough' } as const),
    ...changes,
  };
}

function context(runbook: Runbook, operator: Operator, changes: Partial<Respond> = {}): Respond {
  return {
    runbook,
    journal,
    operator,
    surroundings: testSurroundings({ cwd: folder }),
    levers: null,
    policy: DEFAULT_POLICY,
    worker: 'here:1',
    lease: { ms: 300, renewMs: 100 },
    verifying: { pollSeconds: 0.05 },
    ...changes,
  };
}

/** A worker that died right after its intent. */
function dieInStep(step: number): Promise<void> {
  return journal.commit(async (page) => {
    const { incident } = journal;
    const intent = { id: 'att-x', incident, step, block: 0, stepHash: 'h', worker: 'dead:2', at: page.at };
    const { fence } = await insertIntent(page.tx, { ...intent, leaseUntil: page.at + 200 });
    await page.append('step-intended', { step, title: `Step ${step}`, block: 0, attempt: 1, fence });
  });
}

/** A guard that is not there. */
async function unreachable(incident: string): Promise<never> {
  throw new Error(`connection refused, ${incident} stays`);
}

const kinds = async () => (await journal.timeline()).map((event) => event.kind);
const log = () => readFileSync(join(folder, 'log'), 'utf8').trim().split('\n');

describe('responding to an incident', () => {
  it('goes from diagnosis to all clear, and leaves the whole story on the time line', async () => {
    const asked: string[] = [];
    const runbook = sickness([testStep(1, ['echo one >> log']), testStep(2, []), testStep(3, ['rm sick'])]);
    const result = await respond(context(runbook, willing(asked)));
    expect(result).toMatchObject({ ended: 'resolved', verified: true, verdict: { verdict: 'confirmed' } });
    expect(result.steps.map((step) => step.state)).toEqual(['done', 'done', 'done']);
    expect(asked).toEqual(['proceed confirmed', 'approve 1', 'manual 2', 'approve 3']);
    expect(await kinds()).toEqual([
      'opened',
      'diagnosis-started',
      'verdict-reached',
      'decided',
      'remediation-started',
      'step-approved',
      'step-intended',
      'step-ended',
      'step-reported',
      'step-approved',
      'step-intended',
      'step-ended',
      'verification-started',
      'verified',
    ]);
    const evidence = await listEvidence(store.db, 'test');
    expect(evidence.map(({ subject, kind }) => `${subject} ${kind}`).toSorted()).toEqual([
      'step:1 succeeded',
      'step:2 reported-done',
      'step:3 succeeded',
      'verdict confirmed',
      'verify worked',
    ]);
  });

  it('does nothing when somebody says stop, and takes up again where it was', async () => {
    const runbook = sickness([testStep(1, ['rm sick'])]);
    const stopped = await respond(context(runbook, willing([], { proceed: async () => 'stop' })));
    expect(stopped.ended).toBe('stopped');
    expect(existsSync(join(folder, 'sick'))).toBe(true);
    expect((await respond(context(runbook, willing([])))).ended).toBe('resolved');
    expect((await kinds()).filter((kind) => kind === 'diagnosis-started')).toHaveLength(1);
    expect((await respond(context(runbook, willing([])))).ended).toBe('resolved');
  });

  it('does not run completed steps again, and asks about an interrupted one', async () => {
    const runbook = sickness([
      testStep(1, ['echo one >> log']),
      testStep(2, ['echo two >> log']),
      testStep(3, ['rm sick']),
    ]);
    const abort = willing([], {
      approve: async (step) =>
        step.index === 1
          ? { decision: 'approved', by: ['ada'], how: 'person' }
          : { decision: 'aborted', why: 'lunch' },
    });
    expect((await respond(context(runbook, abort))).ended).toBe('stopped');
    await dieInStep(2);
    const asked: string[] = [];
    const unknown: string[] = [];
    const back = willing(asked, {
      decideUnknown: async ({ step, title }) => {
        asked.push(`unknown ${step}`);
        unknown.push(title);
        return 'again';
      },
    });
    expect((await respond(context(runbook, back))).ended).toBe('resolved');
    expect(unknown).toEqual([runbook.steps[1]!.title]);
    expect(asked).toEqual(['unknown 2', 'approve 2', 'approve 3']);
    expect(log()).toEqual(['one', 'two']);
  });

  it.each([
    ['done', 'done'],
    ['skip', 'skipped'],
  ] as const)('takes a person at their word about an interrupted step: %s', async (decision, state) => {
    const runbook = sickness([testStep(1, ['rm sick'])]);
    const away = willing([], { approve: async () => ({ decision: 'aborted', why: 'lunch' }) });
    await respond(context(runbook, away));
    await dieInStep(1);
    rmSync(join(folder, 'sick'));
    const resumed = await respond(context(runbook, willing([], { decideUnknown: async () => decision })));
    expect(resumed).toMatchObject({ ended: 'resolved', steps: [{ state }] });
    const entry = historyEntry(journal.incident, runbook.steps, await journal.timeline());
    expect(entry.text).toMatch(
      decision === 'done' ? /interrupted, then declared done by a person/ : /skipped/,
    );
  });

  it('refuses while another program is alive in a step', async () => {
    const runbook = sickness([testStep(1, ['sleep 1; rm sick'])]);
    const first = respond(context(runbook, willing([])));
    await pause(400);
    await expect(respond(context(runbook, willing([])))).rejects.toMatchObject({ code: 'E_STEP_BUSY' });
    expect((await first).ended).toBe('resolved');
  });

  it('stops at a failed step and asks; again, skip and abort each do what they say', async () => {
    const runbook = sickness([
      testStep(1, ['echo try >> log; test $(wc -l < log) -ge 2']),
      testStep(2, ['exit 9']),
      testStep(3, ['rm sick']),
    ]);
    const seen: unknown[] = [];
    const operator = willing([], {
      decideFailed: async (step, failure) => {
        seen.push([step.index, failure.exit]);
        return step.index === 1 ? 'again' : 'skip';
      },
    });
    const result = await respond(context(runbook, operator));
    expect(seen).toEqual([
      [1, 1],
      [2, 9],
    ]);
    expect(result).toMatchObject({ ended: 'resolved' });
    expect(result.steps.map((step) => step.state)).toEqual(['done', 'skipped', 'done']);
    expect(log()).toEqual(['try', 'try']);
  });

  it('goes back to remediating when verify fails, and proposes the step that was skipped', async () => {
    const runbook = sickness([testStep(1, ['rm sick']), testStep(2, ['true'])]);
    let approvals = 0;
    const asked: string[] = [];
    const operator = willing(asked, {
      approve: async () =>
        approvals++ === 0
          ? { decision: 'skipped', why: 'too risky' }
          : { decision: 'approved', by: ['ada'], how: 'person' },
      afterFailedVerify: async (why, proposal) => {
        asked.push(`${why.slice(0, 12)} ${proposal?.index}`);
        return { action: 'step', step: proposal!.index };
      },
    });
    expect((await respond(context(runbook, operator))).ended).toBe('resolved');
    expect(asked).toContain('Not verified 1');
    expect((await journal.state()).state).toBe('resolved');
    const entry = historyEntry(journal.incident, runbook.steps, await journal.timeline());
    expect(entry.text).toMatch(/verify held after step 1, having failed once/);
  });

  it('escalates by itself when verify never holds', async () => {
    const runbook = sickness([testStep(1, ['true'])]);
    const operator = willing([], { afterFailedVerify: async () => ({ action: 'verify' }) });
    const policy = { ...DEFAULT_POLICY, maxRounds: 3 };
    const result = await respond(context(runbook, operator, { policy }));
    expect(result).toMatchObject({ ended: 'escalated' });
    expect((await kinds()).filter((kind) => kind === 'not-verified')).toHaveLength(3);
  });

  it('needs two different people for a disruptive step', async () => {
    const runbook = sickness([testStep(1, ['rm sick'], { risk: 'disruptive' })]);
    const twice = willing([], {
      approve: async () => ({ decision: 'approved', by: ['ada', 'Ada '], how: 'person' }),
    });
    await expect(respond(context(runbook, twice))).rejects.toMatchObject({ code: 'E_APPROVAL_NEEDED' });
    expect(existsSync(join(folder, 'sick'))).toBe(true);
    const both = willing([], {
      approve: async () => ({ decision: 'approved', by: ['ada', 'grace'], how: 'person' }),
    });
    expect((await respond(context(runbook, both))).ended).toBe('resolved');
  });

  it('runs safe steps alone only where the policy says so', async () => {
    const runbook = sickness([testStep(1, ['rm sick'], { risk: 'safe' })]);
    const asked: string[] = [];
    await respond(context(runbook, willing(asked), { policy: { ...DEFAULT_POLICY, runAlone: ['safe'] } }));
    expect(asked).toEqual(['proceed confirmed']);
    const approval = (await journal.timeline()).find((event) => event.kind === 'step-approved');
    expect(approval?.data).toMatchObject({ by: [], how: 'policy' });
  });

  it('offers to stop early when verify already holds', async () => {
    const runbook = sickness([testStep(1, ['rm sick']), testStep(2, ['echo two >> log'])]);
    const asked: string[] = [];
    const policy = { ...DEFAULT_POLICY, verifyAfterEachStep: true };
    expect((await respond(context(runbook, willing(asked), { policy }))).ended).toBe('resolved');
    expect(asked).toContain('early 1');
    expect(existsSync(join(folder, 'log'))).toBe(false);
    const entry = historyEntry(journal.incident, runbook.steps, await journal.timeline());
    expect(entry.text).toMatch(/2\. Step 2: skipped \(verified after step 1, not needed\)/);
  });

  it('records a verify that already passes before the fix', async () => {
    const runbook = sickness([testStep(1, ['rm sick'])]);
    await respond(context(runbook, willing([]), { policy: { ...DEFAULT_POLICY, checkBeforeFix: true } }));
    const before = (await journal.timeline()).find((event) => event.kind === 'checked-before-fix');
    expect(before?.data).toMatchObject({ verified: false });
  });

  it('cancels the running step on Ctrl-C, says so, and can be taken up again', async () => {
    const runbook = sickness([testStep(1, ['touch began; sleep 30']), testStep(2, ['rm sick'])]);
    const stop = new AbortController();
    const running = respond(context(runbook, willing([]), { signal: stop.signal }));
    while (!existsSync(join(folder, 'began'))) await pause(20);
    stop.abort();
    expect(await running).toMatchObject({
      ended: 'cancelled',
      steps: [{ state: 'failed' }, { state: 'pending' }],
    });
    expect((await journal.state()).state).toBe('remediating');
    const resumed = await respond(context(runbook, willing([], { decideFailed: async () => 'skip' })));
    expect(resumed.ended).toBe('resolved');
  });

  it('leaves the incident resumable when nobody is there to ask', async () => {
    const runbook = sickness([testStep(1, ['rm sick'])]);
    const absent = willing([], {
      approve: () =>
        Promise.reject(Object.assign(new Error('nobody'), { code: 'E_APPROVAL_NEEDED' }) as AllclearError),
    });
    await expect(respond(context(runbook, absent))).rejects.toThrow('nobody');
    expect((await journal.state()).state).toBe('remediating');
    expect((await respond(context(runbook, willing([])))).ended).toBe('resolved');
  });

  it('lets a person answer what no output can say', async () => {
    const runbook = sickness([testStep(1, ['rm sick'])]);
    const question = testCheck('users', 'true', { question: 'Users can connect' });
    const asking = {
      ...runbook,
      checks: [question, ...runbook.checks.filter((check) => check.section === 'verify')],
    };
    const result = await respond(context(asking, willing([], { answer: async () => 'no' })));
    expect(result).toMatchObject({ ended: 'resolved', verdict: { verdict: 'confirmed' } });
    expect(await kinds()).toContain('answered');
  });

  it('gives levers back on all clear, and does not hide that it could not', async () => {
    const held = { name: 'MAX_INIT_PER_SECOND', value: '', base: '', held: null };
    const release = async (incident: string) => (incident === journal.incident ? [held] : []);
    const runbook = sickness([testStep(1, ['rm sick'])]);
    await respond(context(runbook, willing([]), { levers: { list: async () => [], release } }));
    expect((await journal.timeline()).at(-1)).toMatchObject({
      kind: 'levers-released',
      data: { levers: ['MAX_INIT_PER_SECOND'] },
    });
  });

  it('says on the time line when the guard could not be reached to give levers back', async () => {
    const runbook = sickness([testStep(1, ['rm sick'])]);
    const result = await respond(
      context(runbook, willing([]), { levers: { list: async () => [], release: unreachable } }),
    );
    expect(result.ended).toBe('resolved');
    expect((await journal.timeline()).at(-1)).toMatchObject({
      kind: 'levers-not-released',
      data: { error: `connection refused, ${journal.incident} stays` },
    });
  });
});

describe('the history entry', () => {
  it('says what happened, what was done, what fixed it and how long it took', async () => {
    const runbook = sickness([testStep(1, ['rm sick'], { title: 'Cure <b>it</b>' }), testStep(2, [])]);
    await respond(
      context(runbook, willing([], { reportManual: async () => ({ outcome: 'skipped', note: 'no need' }) })),
    );
    const entry = historyEntry(journal.incident, runbook.steps, await journal.timeline());
    expect(entry.date).toMatch(/^\d{4}-\d\d-\d\d$/);
    const lines = entry.text.split('\n');
    expect(lines[0]).toMatch(/^All clear after .+ \(incident inc-/);
    expect(lines[1]).toMatch(/^- What happened: confirmed\. /);
    expect(lines[2]).toBe(
      String.raw`- What was done: 1. Cure \<b>it\</b>: done; 2. Step 2: skipped (no need).`,
    );
    expect(lines[3]).toMatch(/^- What fixed it: verify held after step 1\. /);
    expect(lines[4]).toMatch(
      /^- How long it took: .+ to the verdict, .+ to the last step, .+ to verified\.$/,
    );
  });
});
