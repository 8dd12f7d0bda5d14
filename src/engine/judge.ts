/** Decides what an observation says about its check: normal, abnormal, unknown or error. */
import { AllclearError, oneLine } from '../kernel/index.ts';
import type { Check, Condition } from '../runbook/index.ts';
import { QUERY_NAMES, SECOND_SAMPLE_NAMES, SHELL_NAMES } from './bindings.ts';
import type { Bound } from './bound.ts';
import { compile, type Expression, type Outcome } from './cel.ts';
import type { Judgement, Reading } from './model.ts';
import type { Needs } from './observe.ts';
import { formatQuantity } from './quantity.ts';

export interface Judged extends Pick<Reading, 'judgement' | 'value' | 'shown' | 'why' | 'error'> {}

/** A check's conditions, compiled; one that is not valid makes the check broken. */
export interface Conditions {
  readonly normal: Expression | null;
  readonly abnormal: Expression | null;
  readonly problem: { readonly code: string; readonly message: string } | null;
}

export function compileConditions(check: Check): Conditions {
  const names = check.language === 'promql' ? QUERY_NAMES : SHELL_NAMES;
  try {
    return {
      normal: check.normal && compile(check.normal.cel, names),
      abnormal: check.abnormal && compile(check.abnormal.cel, names),
      problem: null,
    };
  } catch (error) {
    if (!(error instanceof AllclearError)) throw error;
    return { normal: null, abnormal: null, problem: { code: error.code, message: error.message } };
  }
}

export function needsOf({ normal, abnormal }: Conditions): Needs {
  const names = new Set([...(normal?.names ?? []), ...(abnormal?.names ?? [])]);
  return { second: SECOND_SAMPLE_NAMES.some((name) => names.has(name)), exit: names.has('exit') };
}

/** True for a check that states nothing that could be judged. */
export function isInformational(check: Check): boolean {
  return check.normal === null && check.abnormal === null && check.question === null;
}

/** The check could not be executed or judged: the runbook, or its surroundings, are broken there. */
export function judgeBroken(broken: { readonly code: string; readonly message: string }): Judged {
  return {
    judgement: 'error',
    value: null,
    shown: 'broken',
    why: sentence(`This check is broken: ${broken.message}`),
    error: { code: broken.code, message: broken.message },
  };
}

/** Judges what was seen by the check's conditions and question. */
export function judge(check: Check, conditions: Conditions, bound: Bound): Judged {
  if (isInformational(check)) {
    const seen = figure(firstName(bound), bound);
    return { ...seen, judgement: 'unknown', why: 'It states no normal, so it only informs.', error: null };
  }
  const normal = conditions.normal?.evaluate(bound.values) ?? null;
  const abnormal = conditions.abnormal?.evaluate(bound.values) ?? null;
  for (const [outcome, condition] of [
    [normal, check.normal],
    [abnormal, check.abnormal],
  ] as const) {
    if (outcome?.kind === 'error') {
      const message = `The condition \`${oneLine(condition?.cel ?? '', 120)}\` ${outcome.message}`;
      return judgeBroken({ code: 'E_CONDITION', message });
    }
  }
  const name = conditions.normal?.names[0] ?? conditions.abnormal?.names[0] ?? firstName(bound);
  const names = [...(conditions.normal?.names ?? []), ...(conditions.abnormal?.names ?? [])];
  const seen = figure(names.find((each) => typeof bound.values[each] === 'number') ?? name, bound);
  return { ...seen, ...decide(check, normal, abnormal, seen.shown, bound), error: null };
}

function decide(
  check: Check,
  normal: Outcome | null,
  abnormal: Outcome | null,
  shown: string,
  bound: Bound,
): { judgement: Judgement; why: string } {
  const stated = [
    check.normal && `normal is ${spell(check.normal)}`,
    check.abnormal && `abnormal is ${spell(check.abnormal)}`,
  ]
    .filter((part) => part !== null)
    .join(', ');
  const because = `${subject(check)} is ${withoutRepeat(check.name, shown)}; ${stated}`;
  const isNormal = holds(normal);
  const isAbnormal = holds(abnormal);
  if (isNormal === true && isAbnormal === true) {
    return { judgement: 'unknown', why: sentence(`${because}: both hold, so they overlap`) };
  }
  if (isAbnormal === true) return { judgement: 'abnormal', why: sentence(because) };
  if (isNormal === true || (normal === null && isAbnormal === false)) {
    if (check.question !== null) return { judgement: 'unknown', why: askFor(check.question) };
    return { judgement: 'normal', why: sentence(because) };
  }
  if (isNormal === false && abnormal === null) return { judgement: 'abnormal', why: sentence(because) };
  const missing = [normal, abnormal].find((outcome) => outcome?.kind === 'missing');
  if (missing?.kind === 'missing') {
    const why = bound.absent[missing.name] ?? 'the output does not have it';
    return { judgement: 'unknown', why: sentence(`There is no ${missing.name}: ${why}; ${stated}`) };
  }
  if (isNormal === false) return { judgement: 'unknown', why: sentence(`${because}: it is between the two`) };
  return { judgement: 'unknown', why: askFor(check.question ?? '') };
}

function holds(outcome: Outcome | null): boolean | null {
  return outcome?.kind === 'bool' ? outcome.value : null;
}

function askFor(question: string): string {
  return sentence(`Only a person can tell: ${oneLine(question, 200)}`);
}

/** `rate < 100 (inferred)`. */
export function spell(condition: Condition): string {
  return `${oneLine(condition.cel, 120)}${condition.inferred ? ' (inferred)' : ''}`;
}

/** The check's name in words: `initialize-rate` is `initialize rate`. */
export function subject(check: { readonly name: string }): string {
  return check.name.replaceAll('-', ' ');
}

/** `rate 312/s` of the check `initialize-rate` is `312/s`: the name says it already. */
export function withoutRepeat(check: string, shown: string): string {
  const [first, ...rest] = shown.split(' ');
  return rest.length > 0 && check.split('-').at(-1) === first ? rest.join(' ') : shown;
}

function firstName(bound: Bound): string {
  return ['value', 'p95', 'lines'].find((name) => typeof bound.values[name] === 'number') ?? 'stdout';
}

/** The figure that was judged, and how people read it: `p95 4.8 s`, `rate 312/s`, `3 lines`. */
function figure(name: string, bound: Bound): { value: number | null; shown: string } {
  const value = bound.values[name];
  if (typeof value === 'number') {
    if (name === 'lines') return { value, shown: value === 1 ? '1 line' : `${value} lines` };
    const text = formatQuantity(value, bound.quantities[name] ?? 'plain');
    return { value, shown: name === 'value' ? text : `${name} ${text}` };
  }
  if (Array.isArray(value)) return { value: null, shown: `${value.length} series` };
  if (value === undefined && name !== 'stdout') return { value: null, shown: 'no data' };
  const text = oneLine(typeof bound.values['stdout'] === 'string' ? bound.values['stdout'] : '', 40);
  return { value: null, shown: text === '' ? 'no output' : `"${text}"` };
}

function sentence(text: string): string {
  const trimmed = text.trim().replace(/[.\s]+$/, '');
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}.`;
}
