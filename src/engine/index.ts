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
export type { LeverState, Levers } from './ports.ts';
