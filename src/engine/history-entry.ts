/** From an incident's time line to the entry that its runbook's History keeps. */
import { formatDuration, oneLine } from '../kernel/index.ts';
import type { Step } from '../runbook/index.ts';
import { progressOf, type StepProgress } from './progress.ts';
import type { TimelineEvent } from './timeline.ts';

/** Seconds since the incident was opened; null for what has not happened. */
export interface IncidentTimes {
  readonly toVerdict: number | null;
  /** To the end of the last step that was carried out. */
  readonly toFix: number | null;
  readonly toVerified: number | null;
}

export function timesOf(events: readonly TimelineEvent[]): IncidentTimes {
  const start = events[0]?.at;
  const verified = events.find((event) => event.kind === 'verified');
  const since = (event: TimelineEvent | undefined) =>
    event && start !== undefined ? Math.max(0, event.at - start) / 1000 : null;
  return {
    toVerdict: since(events.find((event) => event.kind === 'verdict-reached')),
    toFix: since(events.findLast(carriesOut)),
    toVerified: since(verified),
  };
}

function carriesOut(event: TimelineEvent): boolean {
  return (
    event.kind === 'step-ended' ||
    (event.kind === 'step-reported' && event.data.outcome === 'done') ||
    (event.kind === 'step-decided' && event.data.decision === 'done')
  );
}

/**
 * What happened, what was done, what fixed it and how long it took, with what is not known said so.
 * @returns an ISO day (UTC, of the last event) and Markdown: one sentence, then a list
 */
export function historyEntry(
  incident: string,
  steps: readonly Step[],
  events: readonly TimelineEvent[],
): { date: string; text: string } {
  const last = events.at(-1);
  const lines = [
    headline(incident, events),
    ...whatHappened(events),
    whatWasDone(progressOf(steps, events), events),
    ...whatFixedIt(events),
    howLong(timesOf(events)),
  ];
  return { date: new Date(last?.at ?? 0).toISOString().slice(0, 10), text: lines.join('\n') };
}

function headline(incident: string, events: readonly TimelineEvent[]): string {
  const { toVerified } = timesOf(events);
  if (toVerified !== null) return `All clear after ${formatDuration(toVerified)} (incident ${incident}).`;
  const ending = events.findLast((event) => event.kind === 'escalated' || event.kind === 'stopped');
  const how = ending?.kind === 'escalated' ? 'Escalated' : 'Not resolved';
  const why = ending ? `: ${quoted(ending.data.why)}` : '';
  return `${how}${why} (incident ${incident}).`;
}

function whatHappened(events: readonly TimelineEvent[]): string[] {
  const reached = events.findLast((event) => event.kind === 'verdict-reached');
  if (!reached) return ['- What happened: no diagnosis was made.'];
  const answers = events.filter((event) => event.kind === 'answered').length;
  const said = answers === 0 ? '' : ` (${answers} ${answers === 1 ? 'answer' : 'answers'} given by a person)`;
  return [`- What happened: ${reached.data.verdict}${said}. ${quoted(reached.data.why)}`];
}

function whatWasDone(steps: readonly StepProgress[], events: readonly TimelineEvent[]): string {
  if (steps.length === 0) return '- What was done: the runbook has no steps.';
  const list = steps.map((step) => `${step.index}. ${quoted(step.title)}: ${outcomeOf(step, events)}`);
  return `- What was done: ${list.join('; ')}.`;
}

function outcomeOf(step: StepProgress, events: readonly TimelineEvent[]): string {
  const own = events.filter((event) => 'step' in event.data && event.data.step === step.index);
  const tries = own.filter((event) => event.kind === 'step-intended').length;
  const interrupted = own.some((event) => event.kind === 'step-unknown');
  switch (step.state) {
    case 'done': {
      if (interrupted && step.byWord) return 'interrupted, then declared done by a person';
      if (step.byWord) return `done by hand${noteOf(own)}`;
      return tries > 1 ? `done, at attempt ${tries}` : 'done';
    }
    case 'skipped':
      return `skipped${noteOf(own)}`;
    case 'failed':
      return `failed${tries > 1 ? ` ${tries} times` : ''}`;
    case 'unknown':
    case 'running':
      return 'interrupted; whether it took effect is not known';
    case 'pending':
      return 'not begun';
  }
}

function noteOf(own: readonly TimelineEvent[]): string {
  const event = own.findLast((known) => known.kind === 'step-skipped' || known.kind === 'step-reported');
  const note = event?.kind === 'step-skipped' ? event.data.why : event?.data.note;
  return note ? ` (${quoted(note)})` : '';
}

function whatFixedIt(events: readonly TimelineEvent[]): string[] {
  const end = events.findIndex((event) => event.kind === 'verified');
  const verified = events[end];
  if (verified?.kind !== 'verified') return [];
  const before = events.slice(0, end).findLast(carriesOut);
  const failures = events.filter((event) => event.kind === 'not-verified').length;
  const after =
    before && 'step' in before.data ? `after step ${before.data.step}` : 'with no step carried out';
  const earlier = failures === 0 ? '' : `, having failed ${failures === 1 ? 'once' : `${failures} times`}`;
  return [`- What fixed it: verify held ${after}${earlier}. ${quoted(verified.data.why)}`];
}

function howLong({ toVerdict, toFix, toVerified }: IncidentTimes): string {
  const parts = [
    toVerdict === null ? '' : `${formatDuration(toVerdict)} to the verdict`,
    toFix === null ? '' : `${formatDuration(toFix)} to the last step`,
    toVerified === null ? 'not verified' : `${formatDuration(toVerified)} to verified`,
  ];
  return `- How long it took: ${parts.filter((part) => part !== '').join(', ')}.`;
}

/** Words from outside in one line of Markdown: no terminal escapes, no HTML, no links. */
function quoted(text: string): string {
  return oneLine(text, 400).replaceAll(/[<[\]]/g, String.raw`\$&`);
}
