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
export { parseHostMapping } from './hosts.ts';
export { redact } from './redact.ts';
export { runShell } from './shell.ts';
export type { LeverState, Levers } from './ports.ts';
