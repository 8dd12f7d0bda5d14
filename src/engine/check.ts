/** Runs one check and judges what it saw: check in, reading out. */
import { printable } from '../kernel/index.ts';
import type { Check } from '../runbook/index.ts';
import { compileConditions, isInformational, judge, judgeBroken, needsOf } from './judge.ts';
import type { Reading, Surroundings } from './model.ts';
import { createObserver, type Observer } from './observe.ts';
import { redact, secretValues } from './redact.ts';

/** Characters of output that a reading keeps, head and tail together. */
const KEEP = 64 * 1024;

/**
 * Executes the check and judges it. What is wrong with the check (a missing command, a dead endpoint, a bad
 * condition, a time-out) is a reading with judgement `error`. Errors: `E_CANCELLED`, `E_SHELL`.
 * @param observer shares what identical commands saw; by default each call runs its own
 */
export async function runCheck(
  check: Check,
  surroundings: Surroundings,
  signal?: AbortSignal,
  observer: Observer = createObserver(surroundings, { signal }),
): Promise<Reading> {
  const conditions = compileConditions(check);
  const observation = await observer.observe(check, needsOf(conditions));
  const broken = observation.broken ?? conditions.problem;
  const judged =
    broken || observation.bound === null
      ? judgeBroken(broken ?? { code: 'E_INTERNAL', message: 'nothing was seen' })
      : judge(check, conditions, observation.bound);
  const secrets = [...surroundings.secrets, ...secretValues(surroundings.env)];
  // Escapes are removed first: a secret with one in its middle would otherwise be whole again when shown.
  const clean = (text: string): string => redact(printable(text), secrets);
  return {
    check: check.name,
    label: check.label,
    section: check.section,
    judgement: judged.judgement,
    informational: isInformational(check),
    value: judged.value,
    shown: clean(judged.shown),
    normal: check.normal,
    abnormal: check.abnormal,
    question: check.question,
    why: clean(judged.why),
    output: shorten(clean(observation.output)),
    exit: observation.exit,
    error: judged.error && { code: judged.error.code, message: clean(judged.error.message) },
    startedAt: observation.startedAt,
    durationMs: observation.durationMs,
  };
}

function shorten(text: string): string {
  if (text.length <= KEEP) return text;
  const left = text.length - KEEP;
  return `${text.slice(0, KEEP / 2)}\n… ${left} characters left out …\n${text.slice(-KEEP / 2)}`;
}
