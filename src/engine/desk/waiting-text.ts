/** What an incident waits for, for people: what it is, and the command that gives it. */
import { oneLine } from '../../kernel/index.ts';
import type { Waiting } from './waiting.ts';

export interface WaitingText {
  readonly what: string;
  /** Commands, most likely first. */
  readonly commands: readonly string[];
}

/** @param id of the incident, for the commands */
export function waitingText(waiting: Waiting, id: string): WaitingText {
  const command = (verb: string, rest: string | number = '') =>
    `allclear incidents ${verb} ${id} ${rest}`.trim();
  switch (waiting.kind) {
    case 'runbook':
      return {
        what: `a runbook: ${oneLine(waiting.why, 200)}`,
        commands: [command('adopt', 'RUNBOOK'), command('escalate', '--why …')],
      };
    case 'begin':
      return begin(waiting, command);
    case 'approval':
      return {
        what: `the approval of ${approvalOf(waiting)}`,
        commands: [command('approve', waiting.step)],
      };
    case 'answer':
      return {
        what: `an answer: ${oneLine(waiting.question, 200)}`,
        commands: [command('answer', `${word(waiting.check)} yes|no|unknown`)],
      };
    case 'manual':
      return {
        what: `somebody to carry out ${titled(waiting)}`,
        commands: [command('report', `${waiting.step} done`)],
      };
    case 'decision': {
      const how =
        waiting.about === 'unknown' ? 'was interrupted: it is unknown whether it took effect' : 'failed';
      return {
        what: `a decision: ${titled(waiting)} ${how}`,
        commands: [command('decide', `${waiting.step} done|again|skip`)],
      };
    }
    case 'proposal':
      return proposal(waiting, command);
    case 'take-up':
      return {
        what: `whoever takes it up: it was escalated (${oneLine(waiting.why, 200)})`,
        commands: [command('assign', 'NAME'), command('diagnose'), command('verify')],
      };
  }
}

type Say = (verb: string, rest?: string | number) => string;

function begin(waiting: Extract<Waiting, { kind: 'begin' }>, command: Say): WaitingText {
  const { next, verdict } = waiting;
  // What is confirmed ends by remediation, or is escalated.
  const orEnd = verdict === 'confirmed' ? command('escalate', '--why …') : command('close', '--why …');
  if (next === null)
    return {
      what: `the word to go on: ${verdict}`,
      commands: [command('verify'), orEnd],
    };
  if (next.manual)
    return {
      what: `somebody to begin with ${titled(next)} (${verdict})`,
      commands: [command('report', `${next.step} done`), orEnd],
    };
  return {
    what: `the approval of ${approvalOf(next)}, with which remediation begins (${verdict})`,
    commands: [command('approve', next.step), orEnd],
  };
}

function proposal(waiting: Extract<Waiting, { kind: 'proposal' }>, command: Say): WaitingText {
  const again = waiting.next ? [command('reopen', `${waiting.next.step} --why …`)] : [];
  const which = waiting.next ? `; next could be ${titled(waiting.next)}` : '';
  return {
    what: `what to do next, as verify failed: ${oneLine(waiting.why, 200)}${which}`,
    commands: [...again, command('verify'), command('escalate', '--why …')],
  };
}

function titled({ step, title }: { step: number; title: string }): string {
  return `step ${step}, "${oneLine(title, 60)}"`;
}

function approvalOf(
  wanted: Extract<Waiting, { kind: 'approval' }> | NonNullable<Extract<Waiting, { kind: 'begin' }>['next']>,
): string {
  const { have, need, risk } = wanted;
  const by = have.length === 0 ? '' : ` by ${have.map((name) => oneLine(name, 40)).join(', ')}`;
  const count = need > 1 || have.length > 0 ? `, ${have.length} of ${need}${by}` : '';
  return `${titled(wanted)} (${risk}${count})`;
}

/** As a word of a shell. */
function word(text: string): string {
  const plain = oneLine(text, 200);
  return /^[\w.-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", `'\\''`)}'`;
}
