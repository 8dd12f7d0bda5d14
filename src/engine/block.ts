/** One block of a rendered step, run to its end: what a step run in a terminal and one run by a worker share. */
import { AllclearError } from '../kernel/index.ts';
import type { AttemptOutcome } from '../store/index.ts';
import type { ShellRequest, ShellResult, Surroundings } from './model.ts';
import type { RenderedStep } from './rendered-step.ts';
import { runShell } from './shell.ts';

export interface BlockResult {
  readonly state: AttemptOutcome;
  readonly exit: number | null;
  /** Redacted, bounded; standard error after standard output. */
  readonly output: string;
  readonly truncated: boolean;
  readonly durationMs: number;
}

export interface BlockExecution {
  readonly surroundings: Surroundings;
  readonly signal?: AbortSignal | undefined;
  readonly onOutput?: ShellRequest['onOutput'];
  /** Default `runShell`. */
  readonly execute?: ((request: ShellRequest) => Promise<ShellResult>) | undefined;
}

/**
 * Runs the block (its place in the step, from 0).
 * @throws what `neverStarted` tells apart: the command has not run; anything else: nobody knows
 */
export async function executeBlock(
  step: RenderedStep,
  block: number,
  { surroundings, signal, onOutput, execute = runShell }: BlockExecution,
): Promise<BlockResult> {
  const rendered = step.blocks[block];
  if (!rendered) {
    throw new AllclearError('E_NOT_FOUND', { what: `step ${step.index} has no block ${block}` });
  }
  if (rendered.language === 'promql') {
    throw new AllclearError('E_BAD_VALUE', {
      what: `step ${step.index} "${step.title}" has a promql block: a query changes nothing`,
      next: 'Move it to Diagnosis or Verify, where it is a check.',
    });
  }
  const result = await execute({
    language: rendered.language === 'sh' ? 'sh' : 'bash',
    command: rendered.command,
    surroundings,
    timeoutSeconds: rendered.timeoutSeconds,
    signal,
    onOutput,
  });
  return {
    state: outcomeOf(result),
    exit: result.exit,
    output: combined(result),
    truncated: result.truncated,
    durationMs: result.durationMs,
  };
}

/** The command never started: that is a failure that is known, not an unknown one. Null for other errors. */
export function neverStarted(error: unknown): BlockResult | null {
  const known =
    error instanceof AllclearError &&
    ['E_SHELL', 'E_BAD_VALUE', 'E_NOT_FOUND', 'E_APPROVAL_STALE'].includes(error.code);
  if (!known) return null;
  return { state: 'failed', exit: null, output: error.message, truncated: false, durationMs: 0 };
}

function outcomeOf(result: ShellResult): AttemptOutcome {
  if (result.timedOut) return 'timed-out';
  if (result.cancelled) return 'cancelled';
  return result.exit === 0 ? 'succeeded' : 'failed';
}

function combined({ stdout, stderr }: ShellResult): string {
  if (stderr === '') return stdout;
  return stdout === '' ? stderr : `${stdout.replace(/\n?$/, '\n')}--- stderr ---\n${stderr}`;
}
