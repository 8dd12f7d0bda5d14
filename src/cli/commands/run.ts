/** `allclear run`: from the symptom to all clear, asking where a person must decide. */
import { actorName } from '../../app/home.ts';
import { type RunAbout, type RunResult, runRunbook } from '../../app/run.ts';
import type { SurroundingsOptions } from '../../app/surroundings.ts';
import { DEFAULT_POLICY, type Operator } from '../../engine/index.ts';
import { AllclearError, formatDuration, parseDuration, printable } from '../../kernel/index.ts';
import type { Io } from '../io.ts';
import { leaseOf } from '../lease-setting.ts';
import { terminalPrompter } from '../prompter.ts';
import { type Consent, runOperator } from '../run-operator.ts';
import { jsonView, type StepView, terminalView } from '../run-view.ts';
import { wrap } from '../wrap.ts';

export interface RunCommandOptions extends SurroundingsOptions {
  readonly incident?: string;
  readonly yes?: boolean;
  readonly approveAll?: boolean;
  readonly skipManual?: boolean;
  readonly unknown?: string;
  readonly failed?: string;
  readonly verifyEachStep?: boolean;
  readonly within?: string;
  readonly actor?: string;
  readonly write?: boolean;
  readonly json?: boolean;
}

/**
 * @returns 0 all clear, 1 not (stopped, escalated, not verified)
 * Errors: `E_CANCELLED`, `E_APPROVAL_NEEDED`, those of reading the runbook and of the store
 */
export async function runCommand(
  file: string | undefined,
  options: RunCommandOptions,
  io: Io,
): Promise<number> {
  const consent = consentOf(options);
  const view = options.json ? jsonView(io) : terminalView(io);
  const actor = options.actor?.trim() || actorName(io.env);
  let incident = options.incident ?? '';
  const running = runRunbook({
    ...options,
    file: file ?? null,
    actor,
    policy: { ...DEFAULT_POLICY, verifyAfterEachStep: options.verifyEachStep ?? false },
    lease: leaseOf(io.env),
    within: secondsOf('--within', options.within),
    write: options.write ?? false,
    env: io.env,
    cwd: io.cwd,
    signal: io.signal,
    view,
    operator: (about) => {
      incident = about.incident;
      return showing(runOperator(consent, terminalOf(about, actor, file, options, io)), about, view);
    },
  });
  const result = await running.catch((error: unknown) => {
    // Ctrl-C at a question.
    throw isCancelled(error) && incident !== '' ? interrupted(file, incident) : error;
  });
  if (result.ended === 'cancelled') throw interrupted(file, incident);
  io.out(options.json ? `${JSON.stringify(machineResult(result), null, 2)}\n` : humanResult(result, file));
  return result.ended === 'resolved' ? 0 : 1;
}

function isCancelled(error: unknown): boolean {
  return error instanceof AllclearError && error.code === 'E_CANCELLED';
}

function interrupted(file: string | undefined, incident: string): AllclearError {
  return new AllclearError('E_CANCELLED', {
    what: `incident ${incident} was interrupted; nothing that was done is lost`,
    next: `Go on with: ${resumeCommand(file, incident)}`,
  });
}

function terminalOf(
  about: RunAbout,
  actor: string,
  file: string | undefined,
  options: RunCommandOptions,
  io: Io,
) {
  return {
    prompter: io.interactive && !options.json ? terminalPrompter(io) : null,
    actor,
    incident: about.incident,
    resume: resumeCommand(file, about.incident),
    show: (text: string) => io.err(printable(text)),
  };
}

/** Every step is shown whole before anybody is asked about it, and before it runs by an option. */
function showing(operator: Operator, { runbook }: RunAbout, view: StepView): Operator {
  const of = runbook.steps.length;
  return {
    ...operator,
    approve: (step) => {
      view.step(step, of);
      return operator.approve(step);
    },
    reportManual: (step) => {
      view.step(step, of);
      return operator.reportManual(step);
    },
  };
}

function resumeCommand(file: string | undefined, incident: string): string {
  return `allclear run ${file === undefined ? '' : `${quoted(file)} `}--incident ${incident}`;
}

function quoted(path: string): string {
  return /^[\w./@+-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}

function consentOf(options: RunCommandOptions): Consent {
  return {
    yes: options.yes ?? false,
    approveAll: options.approveAll ?? false,
    skipManual: options.skipManual ?? false,
    unknown: oneOf('--unknown', options.unknown, ['done', 'again', 'skip']),
    failed: oneOf('--failed', options.failed, ['again', 'skip']),
  };
}

function oneOf<Value extends string>(
  option: string,
  text: string | undefined,
  values: readonly Value[],
): Value | null {
  if (text === undefined) return null;
  const found = values.find((value) => value === text);
  if (found) return found;
  throw new AllclearError('E_USAGE', {
    what: `${option} cannot be "${text}"`,
    next: `It takes ${values.join(', ')}.`,
  });
}

function secondsOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = parseDuration(text);
  if (seconds !== undefined && seconds > 0) return seconds;
  throw new AllclearError('E_USAGE', {
    what: `${option} cannot be "${text}"`,
    next: 'It takes a duration, for example 5m.',
  });
}

function machineResult(result: RunResult): object {
  const { runbook, incident, ended, why, responded, times, update } = result;
  const verdict = responded.verdict && {
    verdict: responded.verdict.verdict,
    why: responded.verdict.why,
    readings: responded.verdict.readings.map(({ check, judgement, value }) => ({ check, judgement, value })),
  };
  return {
    runbook,
    incident,
    ended,
    why,
    verdict,
    steps: responded.steps.map(({ index, title, state }) => ({ index, title, outcome: state })),
    verified: responded.verified,
    seconds: times,
    update: update && { file: update.file, written: update.written, entry: update.entry },
  };
}

function humanResult(result: RunResult, file: string | undefined): string {
  const { ended, why, incident, update, times } = result;
  if (!update) {
    return `Stopped: ${printable(why)}\nGo on with: ${resumeCommand(file, incident)}\n`;
  }
  const head =
    ended === 'resolved'
      ? `All clear${times.toVerified === null ? '' : ` after ${formatDuration(times.toVerified)}`}.`
      : `Escalated: ${printable(why)}`;
  const entry = `- ${update.entry.date}: ${update.entry.text}`
    .split('\n')
    .map((line) => wrap(`+ ${printable(line)}`, 80, '+   '));
  const where = update.written
    ? `The runbook has a new entry in its History:`
    : `Proposed for the runbook's History (--write puts it there):`;
  return [
    head,
    `Incident ${incident}; its time line: allclear incidents show ${incident}`,
    where,
    ...entry,
    `The runbook with it: ${printable(update.file)}`,
    '',
  ].join('\n');
}
