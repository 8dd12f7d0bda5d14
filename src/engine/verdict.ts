/** What a runbook's Diagnosis concludes from its readings (docs/verdicts.md). */

import { AllclearError, oneLine } from '../kernel/index.ts';
import type { Runbook } from '../runbook/index.ts';
import { compile, type Expression } from './cel.ts';
import { spell, subject, withoutRepeat } from './judge.ts';
import type { Reading, Verdict, VerdictKind } from './model.ts';

/** More undecided checks than this are not tried both ways (2 to the power of it evaluations). */
const MAX_UNDECIDED = 10;

/**
 * Without `confirm`: all decided checks abnormal, and at least one decided, is `confirmed`; all normal is
 * `ruled-out`. With `confirm`: the signature decides; checks that could not be judged count as both true and
 * false, and where the outcome depends on them the verdict is `inconclusive`.
 */
export function judgeVerdict(runbook: Runbook, readings: readonly Reading[]): Verdict {
  const diagnosis = readings.filter((reading) => reading.section === 'diagnosis');
  const { confirm } = runbook.frontMatter;
  const { verdict, why } = confirm === null ? byDefault(diagnosis) : bySignature(confirm, diagnosis);
  return { runbook: runbook.id, verdict, why, readings };
}

interface Conclusion {
  readonly verdict: VerdictKind;
  readonly why: string;
}

function byDefault(readings: readonly Reading[]): Conclusion {
  const abnormal = readings.filter(({ judgement }) => judgement === 'abnormal');
  const normal = readings.filter(({ judgement }) => judgement === 'normal');
  const open = `${undecidedClause(readings)}.`;
  if (readings.length === 0) return { verdict: 'inconclusive', why: 'Its Diagnosis has no checks.' };
  if (abnormal.length === 0 && normal.length === 0) {
    return { verdict: 'inconclusive', why: `No check could be decided${open}` };
  }
  if (normal.length === 0) return { verdict: 'confirmed', why: `${list(abnormal, 'abnormal')}${open}` };
  if (abnormal.length === 0) return { verdict: 'ruled-out', why: `${list(normal, 'normal')}${open}` };
  const both = `${list(abnormal, 'abnormal')}, but ${lowerFirst(list(normal, 'normal'))}`;
  return { verdict: 'inconclusive', why: `${both}${open}` };
}

function bySignature(confirm: string, readings: readonly Reading[]): Conclusion {
  const shown = oneLine(confirm, 120);
  const known = readings.map((reading) => signatureName(reading.check));
  let signature: Expression;
  try {
    signature = compile(confirm, known);
  } catch (error) {
    if (!(error instanceof AllclearError)) throw error;
    return { verdict: 'inconclusive', why: `The signature cannot be used. ${error.message}.` };
  }
  const used = readings.filter((reading) => signature.names.includes(signatureName(reading.check)));
  const outcome = threeValued(
    signature,
    Object.fromEntries(used.map((reading) => [signatureName(reading.check), truth(reading)])),
  );
  const decided = used.filter((reading) => truth(reading) !== null);
  const evidence = decided.length === 0 ? '' : `: ${decided.map(phrase).join('; ')}`;
  const open = `${undecidedClause(used)}.`;
  if (outcome === true)
    return { verdict: 'confirmed', why: `The signature \`${shown}\` holds${evidence}${open}` };
  if (outcome === false) {
    return { verdict: 'ruled-out', why: `The signature \`${shown}\` does not hold${evidence}${open}` };
  }
  if (outcome === 'error') {
    return {
      verdict: 'inconclusive',
      why: `The signature \`${shown}\` cannot be evaluated${evidence}${open}`,
    };
  }
  return { verdict: 'inconclusive', why: `The signature \`${shown}\` cannot be decided${evidence}${open}` };
}

/** The name a check has in `confirm`: dashes become underscores, a leading digit gets one before it. */
export function signatureName(check: string): string {
  const name = check.replaceAll(/[^A-Za-z0-9_]/g, '_');
  return /^\d/.test(name) ? `_${name}` : name;
}

/** True when abnormal, false when normal, null when it could not be judged. */
function truth({ judgement }: Reading): boolean | null {
  return judgement === 'abnormal' ? true : judgement === 'normal' ? false : null;
}

/**
 * The expression's value where some names are unknown (null): what all ways to decide them agree on, or
 * null where they do not (or where there are too many).
 */
export function threeValued(
  expression: Expression,
  truths: Readonly<Record<string, boolean | null>>,
): boolean | null | 'error' {
  const unknown = Object.keys(truths).filter((name) => truths[name] === null);
  if (unknown.length > MAX_UNDECIDED) return null;
  let agreed: boolean | undefined;
  for (let choice = 0; choice < 2 ** unknown.length; choice++) {
    const chosen = Object.fromEntries(unknown.map((name, bit) => [name, ((choice >> bit) & 1) === 1]));
    const outcome = expression.evaluate({ ...truths, ...chosen });
    if (outcome.kind !== 'bool') return 'error';
    if (agreed !== undefined && agreed !== outcome.value) return null;
    agreed = outcome.value;
  }
  return agreed ?? null;
}

/** At most this many readings are named in a sentence; the others are counted. */
const NAMED = 3;

function list(readings: readonly Reading[], what: 'abnormal' | 'normal'): string {
  const named = readings.slice(0, NAMED).map(phrase).join('; ');
  const more = readings.length > NAMED ? `; and ${readings.length - NAMED} more` : '';
  const head = readings.length === 1 ? 'One check is' : `${readings.length} checks are`;
  return `${head} ${what}: ${named}${more}`;
}

/** `initialize rate 312/s (normal: rate < 100, inferred)`. */
function phrase(reading: Reading): string {
  const stated = reading.normal
    ? `normal: ${spell(reading.normal)}`
    : reading.abnormal
      ? `abnormal: ${spell(reading.abnormal)}`
      : '';
  const bounds = stated === '' ? '' : ` (${stated.replace(/ \(inferred\)$/, ', inferred')})`;
  return `${subject({ name: reading.check })} ${withoutRepeat(reading.check, reading.shown)}${bounds}`;
}

/** `; not decided: journalctl (…)`, for those that were meant to decide. */
function undecidedClause(readings: readonly Reading[]): string {
  const broken = readings.filter(({ judgement, informational }) => judgement === 'error' && !informational);
  const open = readings.filter(({ judgement, informational }) => judgement === 'unknown' && !informational);
  const parts = [
    broken.length === 0 ? '' : `broken: ${names(broken)}`,
    open.length === 0 ? '' : `undecided: ${names(open)}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : `; ${parts.join('; ')}`;
}

function names(readings: readonly Reading[]): string {
  const named = readings.slice(0, NAMED).map((reading) => subject({ name: reading.check }));
  const more = readings.length > NAMED ? ` and ${readings.length - NAMED} more` : '';
  return `${named.join(', ')}${more}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
