/** Tells a broken check from a finding: the command is missing, the endpoint is down, nothing came out. */
import { formatDuration, oneLine } from '../kernel/index.ts';
import type { Check } from '../runbook/index.ts';
import { DEFAULT_CHECK_SECONDS } from './check-limits.ts';
import type { ShellResult } from './model.ts';

export interface Broken {
  readonly code: string;
  readonly message: string;
}

/** SIGPIPE: `yes | head -1` ends like this, and nothing is wrong. */
const PIPE_CLOSED = 141;

/**
 * Why the check is broken, or null when its output can be judged. `grep`'s exit 1 with no output is "no
 * match". @param judgesExit a condition speaks of `exit`: then a command that fails is a finding
 */
export function brokenBy(result: ShellResult, check: Check, judgesExit: boolean): Broken | null {
  const { exit, pipeline, missingCommand, unreachable } = result;
  if (result.timedOut) {
    const limit = formatDuration(check.timeout ?? DEFAULT_CHECK_SECONDS);
    return { code: 'E_TIMEOUT', message: `it did not end within ${limit}` };
  }
  if (result.blocked !== null) return { code: 'E_SANDBOX', message: result.blocked };
  if (missingCommand !== null) {
    return { code: 'E_COMMAND_MISSING', message: `\`${missingCommand}\` does not exist here` };
  }
  if (exit === 127 || pipeline.includes(127)) {
    return { code: 'E_COMMAND_MISSING', message: `a command does not exist here${said(result)}` };
  }
  if (exit === 126 || pipeline.includes(126)) {
    return { code: 'E_COMMAND_MISSING', message: `a command cannot be executed${said(result)}` };
  }
  if (exit === null) {
    return {
      code: 'E_COMMAND_FAILED',
      message: `it was ended by ${result.signal ?? 'a signal'}${said(result)}`,
    };
  }
  if (judgesExit) return null;
  if (unreachable !== null) return { code: 'E_UNREACHABLE', message: unreachable };
  return silentFailure(result);
}

/** A part of the command failed, said so, and what came out is nothing or a count of nothing. */
function silentFailure(result: ShellResult): Broken | null {
  const { exit, pipeline, stdout, stderr } = result;
  const complained = stderr.trim() !== '';
  const printed = stdout.trim();
  const early = pipeline.slice(0, -1).find((code) => code !== 0 && code !== PIPE_CLOSED);
  if (early !== undefined && (complained ? /^0*$/.test(printed) : printed === '' && early > 1)) {
    return {
      code: 'E_COMMAND_FAILED',
      message: `a part of the pipeline failed with exit ${early}${said(result)}`,
    };
  }
  if (printed === '' && exit !== 0 && (exit! > 1 || complained)) {
    return { code: 'E_COMMAND_FAILED', message: `it failed with exit ${exit}${said(result)}` };
  }
  return null;
}

/** The last line of its error output, which mostly says why. */
function said({ stderr }: ShellResult): string {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return last === '' ? '' : `: ${oneLine(last, 160)}`;
}
