/** The desk of a server, and what it does about alerts that come in. */
import { type Desk, planAndStore, readTimeline } from '../engine/index.ts';
import type { IntakeDesk } from '../intake/index.ts';
import { listEvents } from '../store/index.ts';

/** Plans what comes next for incidents that alerts have opened or changed, in the transaction of the alerts. */
export function intakeDesk(desk: Desk): IntakeDesk {
  return {
    opened: async (tx, incident) => {
      const events = readTimeline(await listEvents(tx, incident));
      await planAndStore(tx, desk, incident, events);
    },
    alertsResolved: async (tx, incident) => {
      await planAndStore(tx, desk, incident);
    },
  };
}
