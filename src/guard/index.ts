import { loadYaml } from '../kernel/index.ts';
import type { GuardFile } from './config/guard-file.ts';

export { GuardLevers } from './client.ts';
export { startGuard } from './guard.ts';
export type { DeskLever } from './levers/desk.ts';
export type { CommandEnd, CommandRun, Driver, RunCommand } from './levers/driver.ts';
export type { Log, LogEntry } from './log.ts';
export type { Guard, GuardOptions } from './options.ts';
export type { RequestLogging } from './plane/request-log.ts';
export { type LeverName, leverNames } from './policy/lever-definitions.ts';
export { leversFromEnv } from './policy/lever-env.ts';
export type { LeverState } from './policy/lever-model.ts';
export type { GuardSettings } from './reload.ts';

/** As `parseGuardFile`, loaded when the first configuration is read. */
export async function readGuardFile(text: string, name: string): Promise<GuardFile> {
  const [{ parseGuardFile }, { YamlText }] = await Promise.all([
    import('./config/guard-file.ts'),
    loadYaml(),
  ]);
  return parseGuardFile(new YamlText(text, name, 'docs/guard-levers.md'));
}
