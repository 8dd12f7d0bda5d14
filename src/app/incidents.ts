/** Incidents as the command line looks at them. */
import {
  isOver,
  openJournal,
  readState,
  readTimeline,
  sweepLeases,
  type TimelineEvent,
} from '../engine/index.ts';
import { AllclearError } from '../kernel/index.ts';
import {
  type AttemptRecord,
  type EventRecord,
  findIncident,
  type IncidentRecord,
  incidentIdsLike,
  listAttempts,
  listEvents,
  listIncidents,
  type Store,
} from '../store/index.ts';

/** Everything that is known about one incident. */
export interface IncidentDetails {
  readonly incident: IncidentRecord;
  readonly events: readonly TimelineEvent[];
  /** As stored, with hashes, kinds unknown to this version included. */
  readonly records: readonly EventRecord[];
  readonly attempts: readonly AttemptRecord[];
}

const MAX_LISTED = 1_000;

/** Newest first. What interrupted workers left behind is settled on the way. */
export async function recentIncidents(
  store: Store,
  options: { actor: string; limit: number; openOnly: boolean },
): Promise<IncidentRecord[]> {
  await sweepLeases(store, options.actor);
  return listIncidents(store.db, { limit: Math.min(options.limit, MAX_LISTED), openOnly: options.openOnly });
}

/** Errors: `E_NOT_FOUND`, `E_BAD_VALUE` for an ambiguous beginning, `E_SNAPSHOT`. */
export async function incidentDetails(store: Store, id: string, actor: string): Promise<IncidentDetails> {
  await sweepLeases(store, actor);
  const incident = await resolveIncident(store, id);
  const records = await listEvents(store.db, incident.id);
  const attempts = await listAttempts(store.db, incident.id);
  return { incident, events: readTimeline(records), records, attempts };
}

/** Ends an incident by somebody's word. Errors: `E_TRANSITION` where its state does not allow it. */
export async function closeIncident(
  store: Store,
  id: string,
  options: { actor: string; why: string },
): Promise<IncidentRecord> {
  const { id: incident } = await resolveIncident(store, id);
  const { actor, why } = options;
  await openJournal({ store, incident, actor }).move({ kind: 'closed', why }, { why });
  return resolveIncident(store, incident);
}

/** By its id or a beginning that only it has; `last`: the newest. */
export async function resolveIncident(store: Store, id: string): Promise<IncidentRecord> {
  const exact = await findIncident(store.db, id);
  if (exact) return exact;
  if (id === 'last') {
    const [newest] = await listIncidents(store.db, { limit: 1 });
    if (newest) return newest;
  }
  const candidates = id === '' ? [] : await incidentIdsLike(store.db, id, 3);
  const only = candidates.length === 1 ? await findIncident(store.db, candidates[0]!) : null;
  if (only) return only;
  if (candidates.length > 1) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `more than one incident begins with "${id}": ${candidates.join(', ')} …`,
      next: 'Give more of the id.',
    });
  }
  throw new AllclearError('E_NOT_FOUND', {
    what: `there is no incident "${id}"`,
    next: 'List them with `allclear incidents`.',
    file: store.location,
  });
}

/** True when it can still be taken up. */
export function canGoOn(incident: IncidentRecord): boolean {
  return !isOver(readState(incident.snapshot, incident.id));
}
