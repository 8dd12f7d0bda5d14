import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { AllclearError } from '../kernel/index.ts';
import type { Runbook } from '../runbook/index.ts';
import { diagnoseFamily, type Family, sharedObservers } from './differential.ts';
import { eventText } from './event-text.ts';
import type { Surroundings } from './model.ts';
import { condition, testCheck, testRunbook, testSurroundings } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'differential-test-'));
const log = join(folder, 'log');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => rmSync(log, { force: true }));

const surroundings = testSurroundings({ cwd: folder });

/** Its one check is abnormal when the command prints something above 10. */
function runbook(id: string, command: string, changes: Partial<Runbook> = {}): Runbook {
  const check = testCheck('value', command, { normal: condition('value < 10') });
  return { ...testRunbook([check]), id, title: `About ${id}`, ...changes };
}

function diagnoseAll(linked: Runbook, others: readonly Runbook[], changes: Partial<Family> = {}) {
  return diagnoseFamily({ linked, others, surroundingsOf: () => surroundings, ...changes });
}

const WORSE = 'echo 12';
const WELL = 'echo 3';
const BROKEN = 'no-such-command-x';

describe('a differential diagnosis', () => {
  it('gives the verdict of every runbook, and proposes the one that fits where the linked one does not', async () => {
    const { linked, others, differential } = await diagnoseAll(runbook('linked', WELL), [
      runbook('broken', BROKEN),
      runbook('right', WORSE),
      runbook('wrong', WELL),
    ]);
    expect(linked.verdict).toBe('ruled-out');
    expect(others.map((verdict) => [verdict.runbook, verdict.verdict])).toEqual([
      ['broken', 'inconclusive'],
      ['right', 'confirmed'],
      ['wrong', 'ruled-out'],
    ]);
    expect(differential).toMatchObject({
      proposed: 'right',
      left: null,
      sandbox: 'none: at a person’s terminal',
      verdicts: [{ runbook: 'broken', title: 'About broken' }, { runbook: 'right' }, { runbook: 'wrong' }],
    });
    const event = { kind: 'differential', seq: 1, at: 0, actor: 'x', data: differential } as const;
    expect(eventText(event)).toBe(
      'others of the family: confirmed: right; inconclusive: broken; ruled-out: wrong; right fits better (sandbox: none: at a person’s terminal)',
    );
  });

  it('proposes nothing while the linked runbook is confirmed, or when none is', async () => {
    const right = runbook('right', WORSE);
    expect((await diagnoseAll(runbook('a', WORSE), [right])).differential.proposed).toBeNull();
    expect((await diagnoseAll(runbook('a', WELL), [runbook('b', WELL)])).differential.proposed).toBeNull();
    expect((await diagnoseAll(runbook('a', BROKEN), [right])).differential.proposed).toBe('right');
  });

  it('of several that fit proposes the one with the most evidence', async () => {
    const two = {
      ...runbook('two', WORSE),
      checks: ['a', 'b'].map((name) => testCheck(name, WORSE, { normal: condition('value < 10') })),
    };
    const { differential } = await diagnoseAll(runbook('a', WELL), [runbook('one', WORSE), two]);
    expect(differential.proposed).toBe('two');
  });

  it('runs identical commands once', async () => {
    const command = `echo run >> ${log}; echo 12`;
    const others = Array.from({ length: 20 }, (_, index) => runbook(`r${index}`, command));
    const { others: verdicts } = await diagnoseAll(runbook('linked', command), others);
    expect(verdicts.every(({ verdict }) => verdict === 'confirmed')).toBe(true);
    expect(readFileSync(log, 'utf8')).toBe('run\n');
  });

  it('shares nothing between runbooks whose parameters differ', async () => {
    const command = `echo "$PARAM_X" >> ${log}; echo 12`;
    const surroundingsOf = ({ id }: Runbook): Surroundings => ({
      ...surroundings,
      env: { ...surroundings.env, PARAM_X: id },
    });
    await diagnoseAll(runbook('a', command), [runbook('b', command)], { surroundingsOf });
    expect(readFileSync(log, 'utf8').split('\n').toSorted()).toEqual(['', 'a', 'b']);
  });

  it('runs at most so many commands at the same time, over all runbooks', async () => {
    const command = (index: number): string =>
      `: ${index}; echo start >> ${log}; sleep 0.1; echo end >> ${log}; echo 1`;
    const others = Array.from({ length: 9 }, (_, index) => runbook(`r${index}`, command(index)));
    await diagnoseAll(runbook('linked', command(99)), others, { limits: { atOnce: 3 } });
    let running = 0;
    let most = 0;
    for (const line of readFileSync(log, 'utf8').trim().split('\n')) {
      running += line === 'start' ? 1 : -1;
      most = Math.max(most, running);
    }
    expect(most).toBeLessThanOrEqual(3);
    expect(most).toBeGreaterThan(1);
  });

  it('ends in time: what has not ended is broken, and its runbook inconclusive', async () => {
    const started = performance.now();
    const hanging = Array.from({ length: 6 }, (_, index) => runbook(`h${index}`, `: ${index}; sleep 30`));
    const { linked, others, differential } = await diagnoseAll(runbook('linked', WORSE), hanging, {
      limits: { seconds: 1, atOnce: 3 },
    });
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(linked.verdict).toBe('confirmed');
    for (const { verdict, readings } of others) {
      expect(verdict).toBe('inconclusive');
      expect(readings[0]).toMatchObject({
        judgement: 'error',
        error: { code: 'E_TIMEOUT', message: 'it had not ended when the time for the diagnosis was over' },
      });
    }
    expect(differential.seconds).toBeGreaterThanOrEqual(1);
  });

  it('gives the linked runbook the time that its own checks state', async () => {
    const slow = runbook('linked', '');
    const checks = [testCheck('slow', 'sleep 1.5; echo 12', { normal: condition('value < 10'), timeout: 5 })];
    const { linked } = await diagnoseAll({ ...slow, checks }, [], { limits: { seconds: 1 } });
    expect(linked.verdict).toBe('confirmed');
  });

  it('says of a runbook without what it needs why it was not tried', async () => {
    const surroundingsOf = ({ id }: Runbook): Surroundings => {
      if (id === 'needy') throw new AllclearError('E_USAGE', { what: 'The parameter "region" has no value' });
      return surroundings;
    };
    const { linked, others } = await diagnoseAll(runbook('linked', WORSE), [runbook('needy', WORSE)], {
      surroundingsOf,
    });
    expect(linked.verdict).toBe('confirmed');
    expect(others).toEqual([
      {
        runbook: 'needy',
        verdict: 'inconclusive',
        why: 'Its checks were not run: The parameter "region" has no value.',
        readings: [],
      },
    ]);
  });

  it('leaves out what has no checks, and what is too many, and says so', async () => {
    const others = [
      { ...runbook('prose', WELL), checks: [] },
      ...['a', 'b', 'c'].map((id) => runbook(id, WELL)),
    ];
    const { differential } = await diagnoseAll(runbook('linked', WELL), others, { limits: { runbooks: 1 } });
    expect(differential.verdicts.map((verdict) => verdict.runbook)).toEqual(['a']);
    expect(differential.left).toBe('2 more runbooks of the family were not tried: there are too many.');
  });

  it('keeps a bounded amount of what commands print', async () => {
    const others = Array.from({ length: 30 }, (_, index) =>
      runbook(`r${index}`, `: ${index}; head -c 60000 /dev/zero | tr "\\0" x`),
    );
    const { differential } = await diagnoseAll(runbook('linked', WELL), others);
    expect(JSON.stringify(differential).length).toBeLessThan(100_000);
  });

  it('stops when it is cancelled, and leaves nothing running', async () => {
    const abort = new AbortController();
    const mark = join(folder, 'late');
    const hanging = runbook('h', `sleep 1; touch ${mark}`);
    const running = diagnoseAll(runbook('linked', 'sleep 30'), [hanging], { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('stop')), 200);
    await expect(running).rejects.toMatchObject({ code: 'E_CANCELLED' });
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(existsSync(mark)).toBe(false);
  });

  it('runs nothing where a sandbox is required and there is none', async () => {
    const refused = { state: 'refused', why: 'a sandbox is required, and there is none (no bwrap)' } as const;
    const { linked, differential } = await diagnoseAll(runbook('linked', `touch ${log}; echo 12`), [], {
      surroundingsOf: () => ({ ...surroundings, sandbox: refused }),
    });
    expect(linked.verdict).toBe('inconclusive');
    expect(linked.readings[0]).toMatchObject({ judgement: 'error', error: { code: 'E_SANDBOX' } });
    expect(differential.sandbox).toBe('none: a sandbox is required, and there is none (no bwrap)');
    expect(existsSync(log)).toBe(false);
  });
});

describe('observers', () => {
  it('are one where the environment is the same', () => {
    const observers = sharedObservers({});
    expect(observers({ ...surroundings })).toBe(observers(surroundings));
    expect(observers({ ...surroundings, env: { A: 'b' } })).not.toBe(observers(surroundings));
  });
});
