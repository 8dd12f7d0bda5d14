/** Runs the commands of driven levers with the engine's shell: own process group, clean environment, bounded. */
import type { CommandEnd, CommandRun, RunCommand } from '../guard/index.ts';
import { oneLine, systemClock, toAllclearError } from '../kernel/index.ts';
import { commandEnv } from './command-env.ts';

/** These commands are the operators' own, and need neither token. */
const NOT_PASSED: readonly string[] = ['ALLCLEAR_GUARD_TOKEN', 'ALLCLEAR_PROMETHEUS_TOKEN'];
const OUTPUT_LIMIT = 4096;
const MAX_WHY = 200;

/** @param env of the guard; its allowed part is what the commands see, besides `LEVER_*` */
export function leverCommands(env: Readonly<Record<string, string | undefined>>, cwd: string): RunCommand {
  const clean = commandEnv(env, cwd);
  for (const name of NOT_PASSED) delete clean[name];
  return async (run) => {
    try {
      return await runOne(run, clean, cwd);
    } catch (error) {
      // It did not start.
      return { kind: 'failed', stdout: '', why: toAllclearError(error).message };
    }
  };
}

async function runOne(
  { command, env, timeoutSeconds, signal }: CommandRun,
  clean: Readonly<Record<string, string>>,
  cwd: string,
): Promise<CommandEnd> {
  // Loaded when the first command runs: a guard without drivers never needs it.
  const { runShell } = await import('../engine/index.ts');
  const surroundings = {
    clock: systemClock,
    cwd,
    env: { ...clean, ...env },
    hosts: [],
    metrics: null,
    secrets: [],
    sampleSeconds: 5,
  };
  const end = await runShell({
    language: 'bash',
    command,
    surroundings,
    timeoutSeconds,
    signal,
    outputLimit: OUTPUT_LIMIT,
  });
  const { exit, stdout } = end;
  if (end.timedOut) return { kind: 'unknown', stdout, why: `it took longer than ${timeoutSeconds} s` };
  if (end.cancelled || exit === null) {
    return { kind: 'unknown', stdout, why: `it was ended by ${end.signal ?? 'the guard'}` };
  }
  if (end.missingCommand !== null) {
    return { kind: 'failed', stdout, why: `there is no command "${oneLine(end.missingCommand, 60)}" here` };
  }
  if (exit === 0) return { kind: 'ok', stdout, why: '' };
  const said = oneLine(end.stderr.trim().split('\n').at(-1) ?? '', MAX_WHY);
  return { kind: 'failed', stdout, why: `exit ${exit}${said === '' ? '' : `: ${said}`}` };
}
