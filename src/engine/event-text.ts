/** One line of words for every kind of event on a time line. */
import { formatDuration, oneLine } from '../kernel/index.ts';
import type { VerdictKind } from './model.ts';
import type { TimelineEvent } from './timeline.ts';

const MAX = 600;
/** Runbooks of one verdict that are named; the others are counted. */
const NAMED = 5;

/** What the event says. Everything in it came from outside at some point: nothing is printed raw. */
export function eventText(event: TimelineEvent): string {
  return oneLine(words(event), MAX);
}

function words(event: TimelineEvent): string {
  switch (event.kind) {
    case 'opened':
      return `opened: ${event.data.title}`;
    case 'alert':
      return `alert ${event.data.name} is ${event.data.status}`;
    case 'alerts-truncated':
      return `Alertmanager has left out ${event.data.count} more alerts of the group`;
    case 'still-firing':
      return `alert ${event.data.name} is still firing, ${formatDuration(event.data.seconds)} after verify held`;
    case 'diagnosis-started':
      return 'diagnosis started';
    case 'verdict-reached':
      return `verdict: ${event.data.verdict}. ${event.data.why}`;
    case 'answered':
      return `answered ${event.data.answer}: ${event.data.question}`;
    case 'decided':
      return `decided to ${event.data.decision}, as ${event.data.why}`;
    case 'remediation-started':
      return 'remediation started';
    case 'checked-before-fix':
      return `verify before any step: ${event.data.verified ? 'passed, so it proves little' : 'failed, as it should'}`;
    case 'verification-started':
      return 'verification started';
    case 'verified':
      return `verified. ${event.data.why}`;
    case 'not-verified':
      return event.data.why;
    case 'levers-released':
      return `levers given back: ${event.data.levers.join(', ')}`;
    case 'levers-not-released':
      return `levers could not be given back: ${event.data.error}`;
    case 'stopped':
      return `stopped: ${event.data.why}`;
    case 'note':
      return `note: ${event.data.text}`;
    case 'escalated':
      return `escalated: ${event.data.why}`;
    case 'closed':
      return `closed: ${event.data.why}`;
    case 'differential':
      return differential(event.data);
    case 'runbook-adopted':
      return `goes on with the runbook ${event.data.to}, and no longer ${event.data.from || 'without one'}`;
    case 'assigned':
      return event.data.to === null ? 'assigned to nobody' : `assigned to ${event.data.to}`;
    case 'ad-hoc':
      return `ran by hand${exitOf(event.data.exit)}: ${event.data.command}`;
    case 'notified':
      return `${event.data.target} was told: ${event.data.about}`;
    case 'not-notified':
      return `${event.data.target} could not be told (${event.data.about}): ${event.data.error}`;
    default:
      return `step ${event.data.step}${inStep(event)}`;
  }
}

function differential(data: Extract<TimelineEvent, { kind: 'differential' }>['data']): string {
  const { verdicts, proposed, sandbox, left } = data;
  const named = (wanted: VerdictKind): string[] =>
    verdicts.filter(({ verdict }) => verdict === wanted).map(({ runbook }) => runbook);
  const said = (['confirmed', 'inconclusive', 'ruled-out'] as const)
    .map((wanted) => ({ wanted, runbooks: named(wanted) }))
    .filter(({ runbooks }) => runbooks.length > 0)
    .map(({ wanted, runbooks }) => `${wanted}: ${list(runbooks)}`);
  const others =
    said.length === 0
      ? 'no other runbook of the family was tried'
      : `others of the family: ${said.join('; ')}`;
  const fits = proposed === null ? '' : `; ${proposed} fits better`;
  const missing = left === null ? '' : `; ${left.replace(/\.$/, '')}`;
  return `${others}${fits}${missing} (sandbox: ${sandbox})`;
}

function list(names: readonly string[]): string {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function exitOf(exit: number | null): string {
  return exit === null || exit === 0 ? '' : ` (exit ${exit})`;
}

type StepEvent = Extract<TimelineEvent, { data: { step: number } }>;

function inStep(event: StepEvent): string {
  switch (event.kind) {
    case 'step-approved': {
      const by = event.data.by.length === 0 ? 'policy' : event.data.by.join(' and ');
      return ` approved by ${by}: ${event.data.title}`;
    }
    case 'step-skipped':
      return ` skipped${event.data.why ? ` (${event.data.why})` : ''}: ${event.data.title}`;
    case 'step-reported':
      return ` reported ${event.data.outcome}${event.data.note ? ` (${event.data.note})` : ''}: ${event.data.title}`;
    case 'step-intended':
      return `${blockOf(event)} begins${attemptOf(event)}`;
    case 'step-ended': {
      return `${blockOf(event)} ${event.data.state}${exitOf(event.data.exit)} after ${formatDuration(event.data.durationMs / 1000)}`;
    }
    case 'step-unknown':
      return `${blockOf(event)} is unknown: ${event.data.worker} fell silent`;
    case 'step-late':
      return `${blockOf(event)} ended (${event.data.state}) after it had been given up`;
    case 'step-decided':
      return `${blockOf(event)}: decided "${event.data.decision}"`;
    case 'step-approval':
      return ` has the approval of ${event.actor}: ${event.data.title}`;
    case 'step-approval-withdrawn':
      return ` no longer has the approval of ${event.actor}: ${event.data.title}`;
    case 'step-proposed':
      return ` is proposed (${event.data.why}): ${event.data.title}`;
    case 'step-reopened':
      return ` is tried again: ${event.data.title}`;
  }
}

function blockOf(event: { data: { block: number } }): string {
  return event.data.block === 0 ? '' : `, block ${event.data.block + 1},`;
}

function attemptOf(event: { data: { attempt: number } }): string {
  return event.data.attempt === 1 ? '' : ` (attempt ${event.data.attempt})`;
}
