import { describe, expect, it } from 'vitest';
import type { RenderedStep, Verdict } from '../engine/index.ts';
import type { AllclearError } from '../kernel/index.ts';
import { leverHints } from './lever-hint.ts';
import type { Prompter } from './prompter.ts';
import { type Consent, runOperator } from './run-operator.ts';

const nothing: Consent = { yes: false, approveAll: false, skipManual: false, unknown: null, failed: null };
const attempt = { step: 2, title: 'Restart', block: 0, attempt: 1, fence: 1 };

function step(risk: RenderedStep['risk'], prose = ''): RenderedStep {
  return { index: 1, title: 'Limit', prose, manual: false, risk, blocks: [], hash: 'h' };
}

function verdict(kind: Verdict['verdict']): Verdict {
  return { runbook: 'r', verdict: kind, why: '', readings: [] };
}

/** Nobody is at the terminal. */
function alone(consent: Partial<Consent> = {}) {
  const resume = 'allclear run r.md --incident inc-1';
  return runOperator(
    { ...nothing, ...consent },
    { prompter: null, actor: 'ada', incident: 'inc-1', resume, show: () => {} },
  );
}

/** Somebody answers these, in order; a choice is named by the beginning of its words. */
function somebody(answers: string[], shown: string[] = []) {
  const prompter: Prompter = {
    choose: async (message, choices) => {
      shown.push(message);
      const answer = answers.shift();
      const choice = choices.find(({ name }) => name.startsWith(answer ?? '?'));
      if (!choice) throw new Error(`no choice "${answer}" in: ${choices.map(({ name }) => name).join(', ')}`);
      return choice.value;
    },
    text: async () => answers.shift() ?? '',
    confirm: async () => answers.shift() === 'yes',
  };
  const show = (text: string) => void shown.push(text);
  return runOperator(nothing, { prompter, actor: 'ada', incident: 'inc-1', resume: '', show });
}

const failure = async (work: Promise<unknown>): Promise<AllclearError> =>
  work.then(
    () => expect.fail('it should have refused'),
    (error: AllclearError) => error,
  );

describe('with nobody at the terminal', () => {
  it('nothing is guessed: each refusal names the option and how to go on', async () => {
    const operator = alone();
    const refusals = [
      [operator.proceed(verdict('confirmed')), '--yes'],
      [operator.proceed(verdict('inconclusive')), '--approve-all'],
      [operator.approve(step('safe')), '--yes'],
      [operator.approve(step('disruptive')), '--approve-all'],
      [operator.reportManual(step('safe')), '--skip-manual'],
      [operator.decideUnknown(attempt), '--unknown'],
    ] as const;
    for (const [refusal, option] of refusals) {
      const error = await failure(refusal);
      expect(error.code).toBe('E_APPROVAL_NEEDED');
      expect(error.details.next).toContain(option);
      expect(error.details.next).toContain('allclear run r.md --incident inc-1');
    }
  });

  it('--yes approves what is safe or reversible, and nothing that is disruptive', async () => {
    const operator = alone({ yes: true });
    expect(await operator.proceed(verdict('confirmed'))).toBe('proceed');
    expect(await operator.approve(step('reversible'))).toMatchObject({ decision: 'approved', how: 'option' });
    expect((await failure(operator.approve(step('disruptive')))).code).toBe('E_APPROVAL_NEEDED');
    expect((await failure(operator.proceed(verdict('inconclusive')))).code).toBe('E_APPROVAL_NEEDED');
  });

  it('--approve-all approves everything but what has been ruled out', async () => {
    const operator = alone({ approveAll: true });
    expect(await operator.approve(step('disruptive'))).toMatchObject({ decision: 'approved', by: ['ada'] });
    expect(await operator.proceed(verdict('inconclusive'))).toBe('proceed');
    expect(await operator.proceed(verdict('ruled-out'))).toBe('stop');
  });

  it('a failed step stops the run, unless an option says otherwise, and is retried once', async () => {
    const failed = { state: 'failed', exit: 1, output: '' } as const;
    expect(await alone().decideFailed(step('safe'), failed)).toBe('abort');
    const again = alone({ failed: 'again' });
    expect(await again.decideFailed(step('safe'), failed)).toBe('again');
    expect(await again.decideFailed(step('safe'), failed)).toBe('abort');
    expect(await alone({ failed: 'skip' }).decideFailed(step('safe'), failed)).toBe('skip');
  });

  it('questions stay open and a failed verify stops', async () => {
    expect(await alone().answer('Is it quiet?', { check: 'c', label: 'c', section: 'verify' })).toBe(
      'unknown',
    );
    expect(await alone().afterFailedVerify('still sick', null)).toEqual({
      action: 'stop',
      why: 'still sick',
    });
  });
});

describe('with somebody at the terminal', () => {
  it('a disruptive step asks for the second person', async () => {
    const approval = await somebody(['Approve', 'grace']).approve(step('disruptive'));
    expect(approval).toEqual({ decision: 'approved', by: ['ada', 'grace'], how: 'person' });
  });

  it('a skip has a reason, a stop is a stop', async () => {
    expect(await somebody(['Skip', 'too late']).approve(step('safe'))).toEqual({
      decision: 'skipped',
      why: 'too late',
    });
    expect(await somebody(['Stop']).approve(step('safe'))).toMatchObject({ decision: 'aborted' });
  });

  it('a manual step that names a lever shows the command that sets it', async () => {
    const shown: string[] = [];
    const report = await somebody(['It is done'], shown).reportManual(
      step('safe', 'Set MAX_INIT_PER_SECOND=50 via env var'),
    );
    expect(report).toEqual({ outcome: 'done', note: '' });
    expect(shown[0]).toContain('allclear lever set MAX_INIT_PER_SECOND=50');
  });

  it('after a failed verify, the step that was skipped can be tried', async () => {
    const proposal = {
      index: 2,
      title: 'Scale',
      state: 'skipped',
      nextBlock: 0,
      attempt: null,
      byWord: false,
    } as const;
    expect(await somebody(['Try step 2']).afterFailedVerify('w', proposal)).toEqual({
      action: 'step',
      step: 2,
    });
    expect(await somebody(['Escalate']).afterFailedVerify('w', proposal)).toEqual({
      action: 'escalate',
      why: 'w',
    });
  });
});

describe('lever hints', () => {
  it.each([
    [
      'Set MAX_INIT_PER_SECOND=50 via env var',
      ['ALLCLEAR_INCIDENT=inc-1 allclear lever set MAX_INIT_PER_SECOND=50'],
    ],
    [
      'MAX_INIT_PER_SECOND = 50. Then MAX_INIT_PER_SECOND=50.',
      ['ALLCLEAR_INCIDENT=inc-1 allclear lever set MAX_INIT_PER_SECOND=50'],
    ],
    ['Set MAX_INIT_PER_SECOND=$(reboot) now', []],
    ['Set NO_SUCH_LEVER=1', []],
    ['', []],
  ])('of "%s"', async (prose, hints) => {
    expect(await leverHints(prose, 'inc-1')).toEqual(hints);
  });
});
