/**
 * A lever that commands move: what is configured of it, and how its commands are run. The guard runs none
 * itself; who starts it hands in a runner.
 */
import { oneLine, printable } from '../../kernel/index.ts';
import type { LeverDefinition } from '../policy/lever-definitions.ts';
import type { LeverKey } from '../policy/lever-key.ts';

const MAX_READING = 200;

/** What is configured of a driven lever. Its base is with the other levers' bases. */
export interface Driver extends LeverDefinition {
  readonly name: string;
  /** Brings the value in `$LEVER_VALUE` about. Exit 0: done; any other: nothing was changed. */
  readonly set: string;
  /** Takes the change back; it is repeated until it ends with 0. Null: `set` with the base. */
  readonly reset: string | null;
  /** Prints the value in force. Null: it cannot be known. */
  readonly read: string | null;
  /** Seconds a command may take. */
  readonly timeoutSeconds: number;
  /** Seconds between two readings. */
  readonly everySeconds: number;
}

export interface CommandRun {
  readonly command: string;
  /** Added to a clean environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

/** `unknown`: it was killed, for its time or from outside; what it had done by then is not known. */
export interface CommandEnd {
  readonly kind: 'ok' | 'failed' | 'unknown';
  readonly stdout: string;
  /** For people, when not ok: `exit 1: connection refused`. */
  readonly why: string;
}

/** Runs one command and waits for its end. Does not reject. */
export type RunCommand = (run: CommandRun) => Promise<CommandEnd>;

export type DriverAction = 'set' | 'reset' | 'read';

/** On whose behalf a command runs. */
export interface Cause {
  readonly actor: string;
  readonly reason: string;
  readonly incident: string | null;
}

/** The command for an action. Values reach it only in its environment, never in its text. */
export function driverRun(
  driver: Driver,
  key: LeverKey,
  action: DriverAction,
  value: string,
  cause: Cause,
  signal: AbortSignal,
): CommandRun {
  const env = {
    LEVER_NAME: key.name,
    LEVER_TOOL: key.tool ?? '',
    LEVER_ACTION: action,
    LEVER_VALUE: value,
    LEVER_ACTOR: printable(cause.actor),
    LEVER_REASON: printable(cause.reason),
    LEVER_INCIDENT: printable(cause.incident ?? ''),
  };
  return { command: driver[action] ?? driver.set, env, timeoutSeconds: driver.timeoutSeconds, signal };
}

/** What `read` printed, as the lever writes its values, where it is one of them. */
export function readingOf(driver: Driver, stdout: string): string {
  const text = oneLine(stdout, MAX_READING);
  try {
    return driver.parse(text);
  } catch {
    return text;
  }
}

/** For a guard that was given none. */
export const noRunner: RunCommand = () =>
  Promise.resolve({
    kind: 'failed',
    stdout: '',
    why: 'this guard was started without a way to run commands',
  });
