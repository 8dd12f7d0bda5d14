export { GuardLevers } from './client.ts';
export { type Guard, type GuardOptions, startGuard } from './guard.ts';
export type { Log, LogEntry } from './log.ts';
export type { RequestLogging } from './plane/request-log.ts';
export { type LeverName, leverNames } from './policy/lever-definitions.ts';
export { leversFromEnv } from './policy/lever-env.ts';
export type { LeverState } from './policy/levers.ts';
