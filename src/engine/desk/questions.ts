/** Questions that no output can answer, and what people have answered. */
import type { Reading } from '../model.ts';
import type { TimelineEvent } from '../timeline.ts';
import type { Answer } from '../verify.ts';
import type { Standing } from './standing.ts';

/** What is asked and nobody has said anything about, in the order of the runbook. */
export function openQuestions(at: Pick<Standing, 'state' | 'events'>): readonly Reading[] {
  const from = askedBy(at);
  if (!from) return [];
  const later = at.events.filter(({ seq }) => seq > from.seq);
  const readings = from.data.readings.filter(isOpen);
  return readings.filter(({ check }) => answerIn(later, check) === null);
}

/** The event whose readings ask: the verdict while it is open, else the verification that failed. */
function askedBy({ state, events }: Pick<Standing, 'state' | 'events'>) {
  if (state.state === 'inconclusive') {
    const verdict = events.findLast((event) => event.kind === 'verdict-reached');
    // Answers to earlier verdicts of the same diagnosis are in the readings of this one, but for "unknown".
    return verdict ? { ...verdict, seq: lastStart(events, 'diagnosis-started') } : null;
  }
  if (state.state !== 'remediating') return null;
  return events.findLast((event) => event.kind === 'not-verified') ?? null;
}

function lastStart(events: readonly TimelineEvent[], kind: TimelineEvent['kind']): number {
  return events.findLast((event) => event.kind === kind)?.seq ?? 0;
}

function isOpen({ question, judgement }: Reading): boolean {
  return question !== null && judgement === 'unknown';
}

function answerIn(events: readonly TimelineEvent[], check: string): Answer | null {
  const said = events.findLast((event) => event.kind === 'answered' && event.data.check === check);
  return said?.kind === 'answered' ? (said.data.answer as Answer) : null;
}

/** True when verify failed only for want of answers, and since then all have been given, and are yes. */
export function answersAllow(at: Pick<Standing, 'state' | 'events'>): boolean {
  const failed = at.events.findLast((event) => event.kind === 'not-verified');
  if (at.state.state !== 'remediating' || !failed) return false;
  const questions = failed.data.readings.filter(isOpen);
  const later = at.events.filter(({ seq }) => seq > failed.seq);
  return questions.length > 0 && questions.every(({ check }) => answerIn(later, check) === 'yes');
}

/**
 * For the worker that verifies: what people have answered since the last verification, by check. Answers given
 * before a step ran are not taken for the state after it.
 */
export function verifyAnswers(events: readonly TimelineEvent[]): ReadonlyMap<string, Answer> {
  const since = events.findLastIndex(
    ({ kind }) => kind === 'not-verified' || kind === 'step-ended' || kind === 'diagnosis-started',
  );
  const answers = new Map<string, Answer>();
  for (const event of events.slice(since + 1)) {
    if (event.kind === 'answered') answers.set(event.data.check, event.data.answer as Answer);
  }
  return answers;
}

/** The reading after a person has answered. `unknown` changes nothing. */
export function withPersonsAnswer(reading: Reading, answer: Answer, actor: string): Reading {
  if (answer === 'unknown') return reading;
  return {
    ...reading,
    judgement: answer === 'yes' ? 'normal' : 'abnormal',
    shown: `answered ${answer}`,
    why: `${actor} answered ${answer}.`,
  };
}
