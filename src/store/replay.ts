import type { EventRecord } from './events.ts';
import type { IncidentRecord } from './incidents.ts';

/** Follows the events of one incident, in order, and then says how its row differs from what they tell. */
export interface Replaying {
  /** May throw what no incident could have gone through. */
  see(event: EventRecord): void;
  /** Null when the row is as it should be. */
  differs(incident: IncidentRecord): string | null;
}

/** Begins with an incident. The engine knows what events do to it. */
export type Replay = () => Replaying;
