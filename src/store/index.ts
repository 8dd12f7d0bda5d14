export { type AlertRecord, findAlert, insertAlert, updateAlert } from './alerts.ts';
export {
  type AttemptDecision,
  type AttemptEnd,
  type AttemptOutcome,
  type AttemptRecord,
  type AttemptState,
  decideAttempt,
  finishAttempt,
  hasExpired,
  insertIntent,
  isLive,
  listAttempts,
  renewLease,
  sweepExpired,
} from './attempts.ts';
export { appendEvent, type EventRecord, listEvents } from './events.ts';
export { type Evidence, insertEvidence, listEvidence } from './evidence.ts';
export {
  countAlert,
  findIncident,
  findOpenByKey,
  type IncidentRecord,
  incidentIdsLike,
  insertIncident,
  listIncidents,
  type NewIncident,
  updateIncidentState,
} from './incidents.ts';
export { findRunbookVersion, keepRunbookVersion, runbookHash } from './runbook-versions.ts';
export { openStore, type Reader, type Store, type StoreOptions, type Writer } from './store.ts';
