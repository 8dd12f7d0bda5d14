/** Verification: the checks of Verify, once or until all is normal for as long as each demands. */
import { AllclearError, formatDuration } from '../kernel/index.ts';
import type { Check, Runbook } from '../runbook/index.ts';
import { allEnded } from './all-ended.ts';
import { runCheck } from './check.ts';
import { subject } from './judge.ts';
import type { Reading, Surroundings } from './model.ts';
import { createObserver } from './observe.ts';

export interface Verification {
  readonly verified: boolean;
  /** One sentence: why, or what is missing. */
  readonly why: string;
  /** Of the last round, in the order of the file. */
  readonly readings: readonly Reading[];
  readonly rounds: number;
}

export type Answer = 'yes' | 'no' | 'unknown';

export interface VerifyOptions {
  readonly signal?: AbortSignal;
  /** Asks the operator. Without it, or with `unknown`, a question leaves the runbook not verified. */
  readonly askQuestion?: (question: string, check: Check) => Promise<Answer>;
  readonly onReading?: (reading: Reading) => void;
}

export interface VerifyUntilOptions extends VerifyOptions {
  /** Seconds for checks that state no `within` of their own; default 300. */
  readonly within?: number;
  /** Seconds between the starts of two rounds; default 5. */
  readonly pollSeconds?: number;
  readonly onRound?: (round: Round) => void;
}

export interface Round {
  /** From 1. */
  readonly round: number;
  readonly readings: readonly Reading[];
  /** Seconds since the start. */
  readonly elapsed: number;
  /** Seconds that are left. */
  readonly left: number;
  /** Checks that are normal, but not yet for as long as they demand. */
  readonly holding: readonly string[];
}

const DEFAULT_WITHIN = 300;
const DEFAULT_POLL = 5;

/** One round: every check of Verify must be normal now. Errors: `E_CANCELLED`, `E_SHELL`. */
export async function verifyOnce(
  runbook: Runbook,
  surroundings: Surroundings,
  options: VerifyOptions = {},
): Promise<Verification> {
  const checks = verifyChecks(runbook);
  if (checks.length === 0) return nothingToVerify();
  const readings = await round(checks, surroundings, options, new Map());
  return conclude(readings, 1, null);
}

/**
 * Rounds until every check has been normal without a break for its `for`, or a check that is not normal has
 * come to the end of its `within`. A question is put once, when everything that can be measured is normal.
 * Errors: `E_CANCELLED`, `E_SHELL`.
 */
export async function verifyUntil(
  runbook: Runbook,
  surroundings: Surroundings,
  options: VerifyUntilOptions = {},
): Promise<Verification> {
  const { clock } = surroundings;
  const checks = verifyChecks(runbook);
  if (checks.length === 0) return nothingToVerify();
  const { askQuestion, ...measureOnly } = options;
  const started = clock.monotonic();
  const normalSince = new Map<string, number>();
  const answers = new Map<string, Answer>();
  for (let rounds = 1; ; rounds++) {
    const roundStarted = clock.monotonic();
    let readings = await round(checks, surroundings, measureOnly, answers);
    const now = clock.monotonic();
    const elapsed = (now - started) / 1000;
    track(normalSince, readings, now);
    const state = progress(checks, readings, normalSince, now, elapsed, options.within ?? DEFAULT_WITHIN);
    if (state.measured && state.holding.length === 0 && askQuestion) {
      readings = await askAll(checks, readings, askQuestion, answers);
    }
    options.onRound?.({ round: rounds, readings, elapsed, left: state.left, holding: state.holding });
    const done = conclude(readings, rounds, state.holding);
    if (done.verified || refused(answers)) return done;
    if (state.left <= 0)
      return { ...done, why: `${done.why.slice(0, -1)}, after ${formatDuration(elapsed)}.` };
    if (state.measured && state.holding.length === 0) return done;
    const pause = (options.pollSeconds ?? DEFAULT_POLL) * 1000 - (clock.monotonic() - roundStarted);
    await clock
      .sleep(Math.max(0, Math.min(pause, state.left * 1000)), options.signal)
      .catch((error: unknown) => {
        throw new AllclearError('E_CANCELLED', { what: 'Verification was stopped', cause: error });
      });
  }
}

function verifyChecks(runbook: Runbook): Check[] {
  return runbook.checks.filter((check) => check.section === 'verify');
}

function nothingToVerify(): Verification {
  return {
    verified: false,
    why: 'It has no checks under Verify, so nothing can be verified.',
    readings: [],
    rounds: 0,
  };
}

async function round(
  checks: readonly Check[],
  surroundings: Surroundings,
  options: VerifyOptions,
  answers: Map<string, Answer>,
): Promise<readonly Reading[]> {
  const observer = createObserver(surroundings, { signal: options.signal });
  const readings = await allEnded(
    checks.map((check) => runCheck(check, surroundings, options.signal, observer)),
  );
  const answered = readings.map((reading) => withAnswer(reading, answers.get(reading.check)));
  const final = options.askQuestion ? await askAll(checks, answered, options.askQuestion, answers) : answered;
  for (const reading of final) options.onReading?.(reading);
  return final;
}

/** Puts the open questions to the operator, one after the other. */
async function askAll(
  checks: readonly Check[],
  readings: readonly Reading[],
  ask: (question: string, check: Check) => Promise<Answer>,
  answers: Map<string, Answer>,
): Promise<readonly Reading[]> {
  for (const [index, reading] of readings.entries()) {
    if (!awaitsAnswer(reading) || answers.has(reading.check)) continue;
    answers.set(reading.check, await ask(reading.question!, checks[index]!));
  }
  return readings.map((reading) => withAnswer(reading, answers.get(reading.check)));
}

/** A question is open: nothing measured speaks against it. */
function awaitsAnswer(reading: Reading): boolean {
  return reading.question !== null && reading.judgement === 'unknown';
}

function withAnswer(reading: Reading, answer: Answer | undefined): Reading {
  if (!awaitsAnswer(reading) || answer === undefined || answer === 'unknown') return reading;
  const said = `The operator answered ${answer}: ${reading.question}`;
  return {
    ...reading,
    judgement: answer === 'yes' ? 'normal' : 'abnormal',
    shown: `answered ${answer}`,
    why: said,
  };
}

function refused(answers: ReadonlyMap<string, Answer>): boolean {
  return [...answers.values()].some((answer) => answer !== 'yes');
}

function track(normalSince: Map<string, number>, readings: readonly Reading[], now: number): void {
  for (const { check, judgement } of readings) {
    if (judgement !== 'normal') normalSince.delete(check);
    else if (!normalSince.has(check)) normalSince.set(check, now);
  }
}

interface Progress {
  /** Everything that can be measured is normal; at most questions are open. */
  readonly measured: boolean;
  readonly holding: readonly string[];
  /** Seconds until the first check that is not yet satisfied runs out of time. */
  readonly left: number;
}

function progress(
  checks: readonly Check[],
  readings: readonly Reading[],
  normalSince: ReadonlyMap<string, number>,
  now: number,
  elapsed: number,
  within: number,
): Progress {
  const holding: string[] = [];
  let measured = true;
  let left = Number.POSITIVE_INFINITY;
  for (const [index, check] of checks.entries()) {
    const reading = readings[index]!;
    if (reading.informational || awaitsAnswer(reading)) continue;
    const since = normalSince.get(check.name);
    const normalFor = since === undefined ? 0 : (now - since) / 1000;
    const hold = check.holdFor ?? 0;
    const deadline = check.within ?? within;
    if (reading.judgement !== 'normal') {
      measured = false;
      left = Math.min(left, deadline - elapsed);
    } else if (normalFor < hold) {
      holding.push(check.name);
      // Normal began in time: it may be held beyond the end of `within`.
      left = Math.min(left, Math.max(deadline - elapsed, hold - normalFor));
    }
  }
  return { measured, holding, left };
}

function conclude(
  readings: readonly Reading[],
  rounds: number,
  holding: readonly string[] | null,
): Verification {
  const judged = readings.filter((reading) => !reading.informational);
  const open = judged.filter(({ judgement }) => judgement !== 'normal');
  if (judged.length === 0) {
    return { verified: false, why: 'No check under Verify states what is normal.', readings, rounds };
  }
  if (open.length > 0) {
    const first =
      open.find(({ judgement }) => judgement === 'abnormal') ??
      open.find(({ judgement }) => judgement === 'error') ??
      open[0]!;
    const more = open.length > 1 ? ` (and ${open.length - 1} more)` : '';
    const why = `Not verified: ${subject({ name: first.check })} is ${first.judgement}${more}: ${first.why}`;
    return { verified: false, why, readings, rounds };
  }
  if (holding !== null && holding.length > 0) {
    return {
      verified: false,
      why: `Normal, but not yet for long enough: ${holding.join(', ')}.`,
      readings,
      rounds,
    };
  }
  const what =
    judged.length === 1 ? 'The check under Verify is' : `All ${judged.length} checks under Verify are`;
  return { verified: true, why: `${what} normal.`, readings, rounds };
}
