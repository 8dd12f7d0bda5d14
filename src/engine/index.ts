export { runCheck } from './check.ts';
export { type DiagnoseOptions, diagnose } from './diagnose.ts';
export { mapUrl, parseHostMapping } from './hosts.ts';
export type {
  HostMapping,
  Judgement,
  Reading,
  ShellRequest,
  ShellResult,
  Surroundings,
  Verdict,
  VerdictKind,
} from './model.ts';
export { createObserver, type Observer } from './observe.ts';
export type { LeverState, Levers } from './ports.ts';
export { redact } from './redact.ts';
export { runShell } from './shell.ts';
export { judgeVerdict } from './verdict.ts';
export {
  type Answer,
  type Round,
  type Verification,
  type VerifyOptions,
  type VerifyUntilOptions,
  verifyOnce,
  verifyUntil,
} from './verify.ts';
