export {
  type Action,
  type ActionBody,
  type ActionKind,
  actionBodies,
  actionRoles,
} from './actions.ts';
export { type Actor, includesRole, isRole, type Role, requireRole, roles } from './actor.ts';
export { makeToken, revokeToken, TOKEN_SECONDS, type TokenWish, tokenActor } from './api-token.ts';
export type { AppendedEvent, Change, OnChange } from './change.ts';
export { type Desk, ITSELF, type Library } from './desk/desk.ts';
export { type Performed, perform } from './desk/perform.ts';
export type { Plan, PlannedWork } from './desk/plan-model.ts';
export { planAndStore, planNext } from './desk/plan-next.ts';
export {
  type IncidentPolicy,
  type Policies,
  policiesSchema,
  policyWarnings,
} from './desk/policies.ts';
export { keptRunbook } from './desk/standing.ts';
export { summarize, viewIncident } from './desk/view.ts';
export {
  type IncidentSummary,
  type IncidentView,
  incidentSummarySchema,
  incidentViewSchema,
} from './desk/view-schema.ts';
export type { Waiting } from './desk/waiting.ts';
export { waitingText } from './desk/waiting-text.ts';
export { diagnose } from './diagnose.ts';
export {
  concludeFamily,
  diagnoseFamily,
  type FamilyLimits,
  sharedObservers,
} from './differential.ts';
export { eventText } from './event-text.ts';
export { historyEntry, type IncidentTimes, timesOf } from './history-entry.ts';
export { mapUrl, parseHostMapping } from './hosts.ts';
export { incidentStates, isOver, readState, transition } from './incident.ts';
export { type Journal, openIncident, openJournal, openPage } from './journal.ts';
export { withoutRepeat } from './judge.ts';
export { incidentEnv, labelEnv, paramVariables } from './label-env.ts';
export type {
  HostMapping,
  Judgement,
  Reading,
  Surroundings,
  Verdict,
  VerdictKind,
} from './model.ts';
export { createGates } from './observe.ts';
export type { ApprovalAnswer, NextAfterFailure, Operator } from './operator.ts';
export type { Levers } from './ports.ts';
export { redact } from './redact.ts';
export { type RenderedStep, renderStep } from './rendered-step.ts';
export { replayIncident } from './replay.ts';
export { respond } from './respond.ts';
export { DEFAULT_POLICY, type Ending, type Policy, type Respond, type Responded } from './response.ts';
export {
  describeSandbox,
  type Sandbox,
  type SandboxSettings,
  sandboxSettings,
} from './sandbox/model.ts';
export { probeSandbox } from './sandbox/probe.ts';
export { runShell } from './shell.ts';
export { DEFAULT_LEASE, type Lease, runBlock, sweepLeases } from './step.ts';
export { type EventData, type EventKind, readTimeline, type TimelineEvent } from './timeline.ts';
export {
  type Answer,
  type Round,
  type Verification,
  verifyOnce,
  verifyUntil,
} from './verify.ts';
export type { WorkerContext } from './work/context.ts';
export type { Case, Diagnose, Execute, PlanNext, Report, Surround, WorkDone } from './work/ports.ts';
export { createSweep, type SweepContext } from './work/sweep.ts';
export { runWorker, type Worker, type WorkerOptions } from './work/worker.ts';
