/** `allclear incidents`: what has happened, and what was done about it. */
import { actorName, withHomeStore } from '../../app/home.ts';
import { wholeId } from '../../app/incident-desk.ts';
import {
  canGoOn,
  closeIncident,
  type IncidentDetails,
  incidentDetails,
  recentIncidents,
} from '../../app/incidents.ts';
import { serverOf, withIncidentDesk } from '../../app/open-incident-desk.ts';
import { eventText, type TimelineEvent, timesOf } from '../../engine/index.ts';
import { AllclearError, formatDuration, oneLine, printable, systemClock } from '../../kernel/index.ts';
import type { AttemptRecord, IncidentRecord } from '../../store/index.ts';
import { incidentText } from '../incident-view.ts';
import type { Io } from '../io.ts';
import { painter } from '../paint.ts';
import { clockTime } from '../run-view.ts';
import { wrap } from '../wrap.ts';
import { incidentActionCommand } from './incident-action.ts';

export interface IncidentsOptions {
  readonly json?: boolean;
  readonly open?: boolean;
  readonly limit?: string;
  readonly output?: boolean;
  readonly reason?: string;
  readonly why?: string;
  readonly server?: string;
}

/** The list, newest first. */
export async function incidentsCommand(options: IncidentsOptions, io: Io): Promise<number> {
  const limit = limitOf(options.limit ?? '20');
  const openOnly = options.open ?? false;
  const place = { ...io, server: options.server };
  if (serverOf(place) !== null) {
    const incidents = await withIncidentDesk(place, (desk) => desk.list({ openOnly, limit }));
    io.out(options.json ? `${JSON.stringify(incidents, null, 2)}\n` : table(incidents, io));
    return 0;
  }
  const incidents = await withHomeStore(io, (store) =>
    recentIncidents(store, { actor: actorName(io.env), limit, openOnly }),
  );
  io.out(
    options.json ? `${JSON.stringify(incidents.map(machineIncident), null, 2)}\n` : table(incidents, io),
  );
  return 0;
}

/** One incident: of a server all that is known, of the local store its time line. */
export async function incidentsShowCommand(id: string, options: IncidentsOptions, io: Io): Promise<number> {
  const place = { ...io, server: options.server };
  if (serverOf(place) !== null) {
    const { view, events } = await withIncidentDesk(place, async (desk) => {
      const whole = await wholeId(desk, id);
      return { view: await desk.view(whole), events: await desk.events(whole) };
    });
    io.out(
      options.json
        ? `${JSON.stringify({ ...view, events }, null, 2)}\n`
        : incidentText(view, events, options.output ?? false, io),
    );
    return 0;
  }
  const details = await withHomeStore(io, (store) => incidentDetails(store, id, actorName(io.env)));
  io.out(
    options.json ? `${JSON.stringify(machineDetails(details), null, 2)}\n` : timeline(details, options, io),
  );
  return 0;
}

/** Ends an incident by somebody's word. */
export async function incidentsCloseCommand(id: string, options: IncidentsOptions, io: Io): Promise<number> {
  const why = (options.why ?? options.reason)?.trim() || 'closed by hand';
  if (serverOf({ ...io, server: options.server }) !== null)
    return incidentActionCommand(id, { kind: 'close', body: { why } }, options, io);
  const incident = await withHomeStore(io, (store) =>
    closeIncident(store, id, { actor: actorName(io.env), why }),
  );
  io.out(
    options.json ? `${JSON.stringify(machineIncident(incident), null, 2)}\n` : `Closed ${incident.id}.\n`,
  );
  return 0;
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return limit;
  throw new AllclearError('E_USAGE', {
    what: `--limit cannot be "${text}"`,
    next: 'It takes a number from 1 to 1000.',
  });
}

type Listed = Pick<IncidentRecord, 'id' | 'state' | 'openedAt' | 'alertCount' | 'title'>;

/** Id 20, state 12, age 10, alerts 6, and the title in what is left of 80. */
function table(incidents: readonly Listed[], io: Io): string {
  if (incidents.length === 0) return 'No incidents. `allclear run RUNBOOK` opens one.\n';
  const head = row('INCIDENT', 'STATE', 'OPENED', 'ALERTS', 'WHAT');
  const now = systemClock.now();
  const rows = incidents.map(({ id, state, openedAt, alertCount, title }) => {
    const age = formatDuration(Math.max(0, Math.round((now - openedAt) / 1000)))
      .split(' ')
      .slice(0, 2)
      .join(' ');
    return row(id, state, age, alertCount === 0 ? '' : String(alertCount), title);
  });
  return `${[painter(io)('dim', head), ...rows].join('\n')}\n`;
}

function row(id: string, state: string, age: string, alerts: string, title: string): string {
  const columns = [id.padEnd(20), state.padEnd(12), age.padEnd(8), alerts.padStart(6)].join(' ');
  return `${columns}  ${oneLine(title, 28)}`.trimEnd();
}

function timeline(
  { incident, events, attempts }: IncidentDetails,
  options: IncidentsOptions,
  io: Io,
): string {
  const paint = painter(io);
  const lines = [
    paint('bold', oneLine(incident.title, 78)),
    `${incident.id}   ${incident.state}   ${summaryOf(events)}`,
    incident.runbook === '' ? 'No runbook is linked.' : `Runbook ${oneLine(incident.runbook, 60)}`,
    ...labelLines(incident),
    '',
  ];
  let day = '';
  for (const event of events) {
    const today = new Date(event.at).toDateString();
    if (today !== day) lines.push(paint('dim', today));
    day = today;
    const actor =
      event.kind === 'diagnosis-started' || event.kind === 'opened' ? ` (${oneLine(event.actor, 30)})` : '';
    lines.push(wrap(`${clockTime(event.at)}  ${eventText(event)}${actor}`, 80, '          '));
    lines.push(...outputOf(event, attempts, options));
  }
  if (canGoOn(incident) && incident.runbook !== '') {
    lines.push('', `Go on with: allclear run --incident ${incident.id}`);
  }
  return `${lines.join('\n')}\n`;
}

function summaryOf(events: readonly TimelineEvent[]): string {
  const { toVerdict, toVerified } = timesOf(events);
  if (toVerified !== null) return `all clear after ${formatDuration(toVerified)}`;
  return toVerdict === null ? '' : `verdict after ${formatDuration(toVerdict)}`;
}

function labelLines({ labels }: IncidentRecord): string[] {
  const all = Object.entries(labels).map(([name, value]) => `${oneLine(name, 40)}=${oneLine(value, 60)}`);
  return all.length === 0 ? [] : [wrap(`Labels  ${all.join('  ')}`, 80, '        ')];
}

const SHOWN_OUTPUT_LINES = 12;

/** The end of what a step printed: where errors stand. All of it with `--output`. */
function outputOf(
  event: TimelineEvent,
  attempts: readonly AttemptRecord[],
  options: IncidentsOptions,
): string[] {
  if (event.kind !== 'step-ended') return [];
  const { step, block, attempt } = event.data;
  const found = attempts.find(
    (known) => known.step === step && known.block === block && known.attempt === attempt,
  );
  const output = printable(found?.output ?? '').trimEnd();
  if (output === '') return [];
  const lines = output.split('\n');
  const kept = options.output ? lines : lines.slice(-SHOWN_OUTPUT_LINES);
  const left = lines.length - kept.length;
  const more = left > 0 ? [`          … ${left} lines before (--output shows all)`] : [];
  return [...more, ...kept.map((line) => `          | ${options.output ? line : oneLine(line, 66)}`)];
}

function machineIncident(incident: IncidentRecord): object {
  const { id, runbook, title, severity, state, labels, alertCount, openedAt, updatedAt, closedAt } = incident;
  return { id, runbook, title, severity, state, labels, alertCount, openedAt, updatedAt, closedAt };
}

function machineDetails({ incident, records, attempts }: IncidentDetails): object {
  return {
    ...machineIncident(incident),
    events: records.map(({ seq, at, actor, kind, data, hash }) => ({ seq, at, actor, kind, data, hash })),
    attempts: attempts.map(
      ({ id, step, block, attempt, state, exit, output, truncated, worker, decision }) => ({
        id,
        step,
        block,
        attempt,
        state,
        exit,
        output,
        truncated,
        worker,
        decision,
      }),
    ),
  };
}
