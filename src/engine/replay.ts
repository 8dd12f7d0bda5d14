/** The state that a time line leads to: what an audit holds against the stored one. */
import type { IncidentMove, IncidentState } from './incident.ts';
import { transition } from './incident.ts';
import type { TimelineEvent } from './timeline.ts';

const moves: readonly string[] = [
  'diagnosis-started',
  'verdict-reached',
  'remediation-started',
  'verification-started',
  'verified',
  'not-verified',
  'escalated',
  'closed',
] satisfies IncidentMove['kind'][];

/**
 * Takes the moves of a whole time line in order, from `open`.
 * @throws `E_TRANSITION` when one is not allowed where it stands: the time line is not what was written
 */
export function replayState(events: readonly TimelineEvent[]): IncidentState {
  let state: IncidentState = { state: 'open' };
  for (const event of events) {
    if (isMove(event)) state = transition(state, { kind: event.kind, ...event.data } as IncidentMove);
  }
  return state;
}

function isMove(event: TimelineEvent): event is Extract<TimelineEvent, { kind: IncidentMove['kind'] }> {
  return moves.includes(event.kind);
}
