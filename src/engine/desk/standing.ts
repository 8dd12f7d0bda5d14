/** Where an incident stands: all that its plan depends on, read within one transaction. */
import { AllclearError } from '../../kernel/index.ts';
import { parseRunbook, type Runbook } from '../../runbook/index.ts';
import {
  findIncidents,
  findRunbookVersion,
  type IncidentRecord,
  listEvents,
  listEventsOfAll,
  type Reader,
  type SaidEvent,
} from '../../store/index.ts';
import { type IncidentState, readState } from '../incident.ts';
import { incidentEnv } from '../label-env.ts';
import { progressOf, type StepProgress } from '../progress.ts';
import { readTimeline, type TimelineEvent } from '../timeline.ts';
import type { Desk } from './desk.ts';
import { type IncidentPolicy, policyFor } from './policies.ts';

export interface Standing {
  readonly record: IncidentRecord;
  readonly state: IncidentState;
  /** The version it keeps; null when none is linked. */
  readonly runbook: Runbook | null;
  /** Of the time line what a plan depends on. */
  readonly events: readonly TimelineEvent[];
  readonly steps: readonly StepProgress[];
  readonly policy: IncidentPolicy;
  /** `PARAM_*` and `LABEL_*` of its commands. */
  readonly env: Readonly<Record<string, string>>;
  /** Epoch ms. */
  readonly now: number;
  /** Whether its alerts have all resolved; `unasked` until it matters. */
  readonly alerts: 'unasked' | 'none' | 'firing' | 'resolved';
}

/** Kinds of events that change no plan, and may be large or many. */
const ASIDE: readonly string[] = [
  'differential',
  'note',
  'ad-hoc',
  'assigned',
  'notified',
  'not-notified',
  'levers-released',
  'levers-not-released',
];

export async function loadStanding(
  db: Reader,
  desk: Desk,
  record: IncidentRecord,
  now: number,
): Promise<Standing> {
  const records = await listEvents(db, record.id, { without: ASIDE });
  return standingOf(desk, record, await keptRunbook(db, record), records, now);
}

/** Several at once, in no particular order; ids that are not there are left out. */
export async function loadStandings(
  db: Reader,
  desk: Desk,
  incidents: readonly string[],
  now: number,
): Promise<Standing[]> {
  const events = await listEventsOfAll(db, incidents, { without: ASIDE });
  const found: Standing[] = [];
  for (const record of await findIncidents(db, incidents)) {
    const records = events.get(record.id) ?? [];
    found.push(standingOf(desk, record, await keptRunbook(db, record), records, now));
  }
  return found;
}

function standingOf(
  desk: Desk,
  record: IncidentRecord,
  runbook: Runbook | null,
  records: readonly SaidEvent[],
  now: number,
): Standing {
  const events = readTimeline(records);
  return {
    record,
    state: readState(record.snapshot, record.id),
    runbook,
    events,
    steps: progressOf(runbook?.steps ?? [], events),
    policy: policyFor(record, desk.policies),
    env: runbook ? incidentEnv(runbook, record.labels, desk.params) : {},
    now,
    alerts: record.alertCount === 0 ? 'none' : 'unasked',
  };
}

/** The same incident after more has happened in the same transaction. */
export function standingAfter(
  before: Standing,
  state: IncidentState,
  more: readonly TimelineEvent[],
): Standing {
  const events = [...before.events, ...more];
  return { ...before, state, events, steps: progressOf(before.runbook?.steps ?? [], events) };
}

const parsed = new Map<string, Runbook>();
const MAX_PARSED = 500;

/**
 * The version of its runbook that the incident keeps, whatever has become of the file.
 * @throws `E_SNAPSHOT` when the store has lost it
 */
export async function keptRunbook(
  db: Reader,
  { id, runbookHash }: Pick<IncidentRecord, 'id' | 'runbookHash'>,
): Promise<Runbook | null> {
  if (runbookHash === null) return null;
  const known = parsed.get(runbookHash);
  if (known) return known;
  const version = await findRunbookVersion(db, runbookHash);
  if (!version) {
    throw new AllclearError('E_SNAPSHOT', {
      what: `the runbook that incident ${id} keeps is not in the store`,
    });
  }
  const runbook = parseRunbook(version.source, version.file);
  if (parsed.size >= MAX_PARSED) parsed.clear();
  parsed.set(runbookHash, runbook);
  return runbook;
}
