/** The state that a time line leads to: what an audit holds against the stored one. */
import { isDeepStrictEqual } from 'node:util';
import type { EventRecord, IncidentRecord, Replaying } from '../store/index.ts';
import { type IncidentMove, type IncidentState, isOver, readState, transition } from './incident.ts';
import type { TimelineEvent } from './timeline.ts';

/** Kinds of events that move an incident. The moves bear the same names. */
const MOVES: ReadonlySet<string> = new Set<IncidentMove['kind']>([
  'diagnosis-started',
  'verdict-reached',
  'remediation-started',
  'verification-started',
  'verified',
  'not-verified',
  'escalated',
  'closed',
]);

const BEGINNING: IncidentState = { state: 'open' };

/**
 * Takes the moves of a whole time line in order, from `open`.
 * @throws `E_TRANSITION` when one is not allowed where it stands: the time line is not what was written
 */
export function replayState(events: readonly TimelineEvent[]): IncidentState {
  return events.reduce(after, BEGINNING);
}

/**
 * Goes through an incident's events as the incident did, event by event; then its row must say the state that they lead
 * to, and the title that it was opened with.
 */
export function replayIncident(): Replaying {
  let state = BEGINNING;
  let title: unknown;
  return {
    /** @throws `E_TRANSITION` for a move that the state before it does not allow */
    see(event: EventRecord): void {
      if (event.kind === 'opened') title = (event.data as { title?: unknown } | null)?.title;
      state = after(state, event);
    },
    differs(incident: IncidentRecord): string | null {
      const said = readState(incident.snapshot, incident.id);
      if (incident.state !== state.state || !isDeepStrictEqual(said, asStored(state))) {
        return `the incident says that it is ${incident.state}, and its events lead to ${state.state}`;
      }
      if (incident.open === isOver(state)) return 'the incident says wrongly whether it is over';
      if (title === undefined || title === incident.title) return null;
      return 'the incident says another title than its first event';
    },
  };
}

function after(state: IncidentState, { kind, data }: Pick<EventRecord, 'kind' | 'data'>): IncidentState {
  return MOVES.has(kind) ? transition(state, { ...(data as object), kind } as IncidentMove) : state;
}

/** Only what the schema of states knows. */
function asStored(state: IncidentState): IncidentState {
  return readState(JSON.parse(JSON.stringify(state)), '');
}
