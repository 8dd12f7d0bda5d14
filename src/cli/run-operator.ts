/** The operator of `allclear run`: what the options say, else a person at the terminal, else nobody. */
import type { ApprovalAnswer, NextAfterFailure, Operator, RenderedStep, Verdict } from '../engine/index.ts';
import { AllclearError } from '../kernel/index.ts';
import { leverHints } from './lever-hint.ts';
import type { Prompter } from './prompter.ts';

export interface Consent {
  /** Approve safe and reversible steps, and going on when the verdict is confirmed. */
  readonly yes: boolean;
  /** Approve every step, and going on when the verdict is inconclusive. */
  readonly approveAll: boolean;
  /** Skip what only a person can do. */
  readonly skipManual: boolean;
  /** What to do about an interrupted step. */
  readonly unknown: 'done' | 'again' | 'skip' | null;
  /** What to do about a step that failed; `again` holds once per step. */
  readonly failed: 'again' | 'skip' | null;
}

export interface Terminal {
  /** Null when nobody is there to ask. */
  readonly prompter: Prompter | null;
  readonly actor: string;
  readonly incident: string;
  /** How to take the incident up again, as a command. */
  readonly resume: string;
  /** Shows words before a question. */
  readonly show: (text: string) => void;
}

export function runOperator(consent: Consent, terminal: Terminal): Operator {
  const { prompter } = terminal;
  const retried = new Set<number>();
  return {
    proceed: (verdict) => proceed(verdict, consent, terminal),
    approve: (step) => approve(step, consent, terminal),
    reportManual: (step) => reportManual(step, consent, terminal),

    async decideUnknown({ step, title }) {
      if (consent.unknown) return consent.unknown;
      if (!prompter) {
        throw needed(
          `step ${step} "${title}" was interrupted, and what became of it is unknown`,
          terminal,
          '--unknown done, again or skip',
        );
      }
      return prompter.choose(`Step ${step} was interrupted. Look whether it took effect: what now?`, [
        { name: 'It took effect: done', value: 'done' },
        { name: 'It did not: run it again', value: 'again' },
        { name: 'Leave it and go on: skip', value: 'skip' },
      ]);
    },

    async decideFailed(step, failure) {
      if (consent.failed === 'skip') return 'skip';
      if (consent.failed === 'again' && !retried.has(step.index)) {
        retried.add(step.index);
        return 'again';
      }
      if (!prompter) return 'abort';
      const how = failure.exit === null ? failure.state : `${failure.state}, exit ${failure.exit}`;
      return prompter.choose(`Step ${step.index} did not succeed (${how}). What now?`, [
        { name: 'Run it again', value: 'again' },
        { name: 'Skip it and go on', value: 'skip' },
        { name: 'Stop here', value: 'abort' },
      ]);
    },

    async answer(question, { label }) {
      if (!prompter) return 'unknown';
      return prompter.choose(`${question} (${label})`, [
        { name: 'Yes, that holds', value: 'yes' },
        { name: 'No', value: 'no' },
        { name: 'I cannot tell', value: 'unknown' },
      ]);
    },

    async stopEarly(after, remaining) {
      if (!prompter) return false;
      const rest = remaining === 1 ? 'the remaining step' : `the ${remaining} remaining steps`;
      return prompter.confirm(`Verified after step ${after.index}. Leave out ${rest}?`, true);
    },

    async afterFailedVerify(why, proposal): Promise<NextAfterFailure> {
      if (!prompter) return { action: 'stop', why };
      const tryStep: NextAfterFailure | null = proposal && { action: 'step', step: proposal.index };
      return prompter.choose<NextAfterFailure>('Verify did not hold. What now?', [
        ...(tryStep ? [{ name: `Try step ${proposal!.index}: ${proposal!.title}`, value: tryStep }] : []),
        { name: 'Verify again', value: { action: 'verify' } },
        { name: 'Escalate', value: { action: 'escalate', why } },
        { name: 'Stop here for now', value: { action: 'stop', why } },
      ]);
    },
  };
}

async function proceed(
  { verdict }: Verdict,
  consent: Consent,
  terminal: Terminal,
): Promise<'proceed' | 'stop' | 'escalate'> {
  if (verdict === 'confirmed' && (consent.yes || consent.approveAll)) return 'proceed';
  if (verdict === 'inconclusive' && consent.approveAll) return 'proceed';
  if (!terminal.prompter) {
    // Ruled out means: nothing here to fix. That needs nobody.
    if (verdict === 'ruled-out') return 'stop';
    const option = verdict === 'confirmed' ? '--yes' : '--approve-all';
    throw needed(`the verdict is ${verdict}, and somebody must say whether to go on`, terminal, option);
  }
  const preferred = verdict === 'confirmed' ? 'proceed' : 'stop';
  return terminal.prompter.choose<'proceed' | 'stop' | 'escalate'>(
    verdict === 'confirmed' ? 'Go on to the remediation?' : `The verdict is ${verdict}. Go on all the same?`,
    [
      { name: 'Go on to the steps', value: 'proceed' },
      { name: 'Stop here', value: 'stop' },
      { name: 'Escalate', value: 'escalate' },
    ],
    preferred,
  );
}

async function approve(step: RenderedStep, consent: Consent, terminal: Terminal): Promise<ApprovalAnswer> {
  const { actor, prompter } = terminal;
  if (consent.approveAll || (consent.yes && step.risk !== 'disruptive')) {
    return { decision: 'approved', by: [actor], how: 'option' };
  }
  if (!prompter) {
    const option = step.risk === 'disruptive' ? '--approve-all' : '--yes';
    throw needed(`step ${step.index} "${step.title}" (${step.risk}) needs an approval`, terminal, option);
  }
  const answer = await prompter.choose(`Run step ${step.index} (${step.risk})?`, [
    { name: 'Approve and run', value: 'approve' },
    { name: 'Skip it', value: 'skip' },
    { name: 'Stop here', value: 'stop' },
  ]);
  if (answer === 'skip') return { decision: 'skipped', why: await reasonFor('Why skip it?', terminal) };
  if (answer === 'stop') return { decision: 'aborted', why: `${actor} stopped before step ${step.index}` };
  if (step.risk !== 'disruptive') return { decision: 'approved', by: [actor], how: 'person' };
  terminal.show('A disruptive step needs two people.\n');
  const second = await prompter.text('Who else approves it? (name)');
  return { decision: 'approved', by: [actor, second], how: 'person' };
}

async function reportManual(
  step: RenderedStep,
  consent: Consent,
  terminal: Terminal,
): Promise<{ outcome: 'done' | 'skipped' | 'aborted'; note: string }> {
  const { prompter, actor } = terminal;
  if (consent.skipManual) return { outcome: 'skipped', note: 'nobody was there to do it' };
  if (!prompter)
    throw needed(`step ${step.index} "${step.title}" is to be done by hand`, terminal, '--skip-manual');
  for (const hint of await leverHints(`${step.title}\n${step.prose}`, terminal.incident))
    terminal.show(`  one way to do it:\n  ${hint}\n`);
  const answer = await prompter.choose<'done' | 'skipped' | 'aborted'>(
    `Do step ${step.index} by hand. Then:`,
    [
      { name: 'It is done', value: 'done' },
      { name: 'Skip it', value: 'skipped' },
      { name: 'Stop here', value: 'aborted' },
    ],
  );
  if (answer === 'aborted') return { outcome: answer, note: `${actor} stopped before step ${step.index}` };
  return { outcome: answer, note: answer === 'skipped' ? await reasonFor('Why skip it?', terminal) : '' };
}

async function reasonFor(question: string, { prompter }: Terminal): Promise<string> {
  return (await prompter?.text(question))?.trim() ?? '';
}

/** Nobody is there, and nothing is guessed. */
function needed(what: string, { resume }: Terminal, option: string): AllclearError {
  return new AllclearError('E_APPROVAL_NEEDED', {
    what,
    next: `Run it at a terminal, or give ${option}. The incident waits: ${resume}`,
  });
}
