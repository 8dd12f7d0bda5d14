export { endAlert, findKnownAlerts, type KnownAlert, writeAlerts } from './alert-batches.ts';
export {
  type AlertRecord,
  countFiring,
  findAlert,
  hasFiring,
  listAlerts,
} from './alerts.ts';
export {
  type AttemptDecision,
  type AttemptOutcome,
  type AttemptRecord,
  decideAttempt,
  findAttempts,
  finishAttempt,
  finishAttempts,
  insertIntent,
  insertIntents,
  isLive,
  listAttempts,
  renewLease,
} from './attempts.ts';
export { type AuditReport, verifyAudit } from './audit.ts';
export { beginKey } from './audit-key.ts';
export type { Reader, Writer } from './database.ts';
export {
  appendEvent,
  appendEvents,
  type EventRecord,
  lastEvent,
  listEvents,
  listEventsOfAll,
  type NewEvent,
  type SaidEvent,
} from './events.ts';
export { insertEvidence, listEvidence } from './evidence.ts';
export { exportStore } from './export-store.ts';
export { type StoreFigures, storeFigures } from './figures.ts';
export type { AuditFinding } from './findings.ts';
export { importStore } from './import-store.ts';
export {
  changedIncidents,
  type IncidentPlace,
  type IncidentSearch,
  lastEventNumbers,
  searchIncidents,
} from './incident-search.ts';
export {
  allIncidentIds,
  assignIncident,
  countAlerts,
  findIncident,
  findIncidents,
  type IncidentRecord,
  incidentIdsLike,
  insertIncident,
  listIncidents,
  lockIncident,
  lockOpenByKeys,
  relinkIncident,
  updateIncidentState,
  updateIncidentStates,
} from './incidents.ts';
export { appendLedger } from './ledger.ts';
export { tellHeads } from './ledger-heads.ts';
export {
  countLogins,
  extendLogin,
  findLogin,
  insertLogin,
  type LoginRecord,
  removeExpiredLogins,
  takeLogin,
} from './logins.ts';
export { giveUpAttempts, hasExpired, listLiveAttempts, sweepExpired } from './lost-attempts.ts';
export { makeFolder } from './make-folder.ts';
export { readMeta, writeMeta } from './meta.ts';
export { openStore } from './open-store.ts';
export {
  claimOutbox,
  endOutbox,
  hasDueOutbox,
  latestNews,
  type NewOutbox,
  type OutboxFigures,
  type OutboxRecord,
  outboxFigures,
  postponeOutbox,
  pruneOutbox,
  putOutbox,
} from './outbox.ts';
export type { Replay, Replaying } from './replay.ts';
export { findRunbookVersion, keepRunbookVersion, runbookHash } from './runbook-versions.ts';
export type { Store, StoreOptions } from './store.ts';
export {
  credentialHash,
  findToken,
  findTokenByHash,
  insertToken,
  listTokens,
  markTokenRevoked,
  markTokenUsed,
  type NewToken,
  type TokenRecord,
} from './tokens.ts';
export { type Counts, countRows, schemaName } from './transfer-format.ts';
export {
  findWork,
  finishWork,
  type Holding,
  hasReadyWork,
  holdWork,
  listExpiredWork,
  listTakenWork,
  lockIncidents,
  type NewWork,
  type Next,
  type PickedWork,
  pickWork,
  releaseWork,
  renewWork,
  setNext,
  setNextOfAll,
  type WorkKind,
  type WorkRecord,
  withdrawWork,
} from './work.ts';
export { listWorkers, pruneWorkers, removeWorker, seeWorker, type WorkerRecord } from './workers.ts';
