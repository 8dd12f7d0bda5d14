/** Runs one command of a runbook: in its own process group, clean, bounded in time and output, redacted. */
import type { ChildProcess } from 'node:child_process';
import { statSync } from 'node:fs';
import { AllclearError, oneLine, systemCode } from '../kernel/index.ts';
import type { ShellRequest, ShellResult } from './model.ts';
import { OUTPUT_LIMIT, OutputCapture } from './output-capture.ts';
import { type GroupEnd, superviseGroup } from './process-group.ts';
import { secretValues } from './redact.ts';
import { type Launched, launch } from './shell-launch.ts';
import type { ShellReport } from './shell-prologue.ts';

const GRACE_SECONDS = 2;

/**
 * Runs the command with bash, standard input closed, and waits for its end.
 *
 * A command that fails, times out or is cancelled is a result, not an error. At the time-out and on
 * cancel the whole process group gets SIGTERM, then SIGKILL; at any end, what is left of the group is
 * killed (a daemon that must outlive a step leaves the group: `setsid`, systemd). Each output stream is
 * kept up to `outputLimit` bytes, head and tail, secrets replaced. `sh` blocks run in bash's POSIX mode.
 *
 * Errors: `E_SHELL` (bash is missing or cannot start), `E_BAD_VALUE` (a NUL in the command, or too long).
 */
export async function runShell(request: ShellRequest): Promise<ShellResult> {
  const { surroundings } = request;
  const started = surroundings.clock.monotonic();
  const { child, reported, report: readReport, clean } = start(request);
  try {
    const secrets = [...surroundings.secrets, ...secretValues(surroundings.env)];
    const stdout = capture(request, 'stdout', secrets, child);
    const stderr = capture(request, 'stderr', secrets, child);
    await spawned(child, request);
    const end = await superviseGroup(child, Promise.all([stdout.closed, stderr.closed, reported]), {
      clock: surroundings.clock,
      timeoutSeconds: request.timeoutSeconds,
      graceSeconds: request.graceSeconds ?? GRACE_SECONDS,
      signal: request.signal,
    });
    for (const stream of child.stdio) stream?.destroy();
    const out = stdout.output.end();
    const err = stderr.output.end();
    const report = readReport();
    return {
      ...end,
      stdout: out.text,
      stderr: err.text,
      truncated: out.truncated || err.truncated,
      missingCommand: missingCommand(report, end.exit, out.text),
      unreachable: report.unreachable,
      blocked: blocked(report, request, end, err.text),
      pipeline: report.pipeline,
      durationMs: surroundings.clock.monotonic() - started,
    };
  } finally {
    clean();
  }
}

function start(request: ShellRequest): Launched {
  if (request.command.includes('\0')) {
    throw new AllclearError('E_BAD_VALUE', {
      what: 'The command contains a NUL character',
      next: 'Remove it.',
    });
  }
  try {
    return launch(request);
  } catch (error) {
    throw startError(error, request);
  }
}

/** Resolves once the shell runs. */
function spawned(child: ChildProcess, request: ShellRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(startError(error, request)));
    child.on('error', () => {});
    child.stdio[3]?.on('error', () => {});
  });
}

function startError(error: unknown, request: ShellRequest): AllclearError {
  if (error instanceof AllclearError) return error;
  const code = systemCode(error);
  if (code === 'E2BIG') {
    return new AllclearError('E_BAD_VALUE', {
      what: `The command is too long for this system (${request.command.length} characters)`,
      next: 'Put it into a script and call that.',
      cause: error,
    });
  }
  if (code === 'ENOENT' && !isFolder(request.surroundings.cwd)) {
    return new AllclearError('E_NOT_FOUND', {
      what: `The folder to run in, ${request.surroundings.cwd}, does not exist`,
      next: 'Create it, or run Allclear from another folder.',
      cause: error,
    });
  }
  return new AllclearError('E_SHELL', {
    what:
      code === 'ENOENT'
        ? 'bash is not installed here'
        : `bash could not be started (${code ?? String(error)})`,
    next:
      code === 'ENOENT'
        ? 'Install bash: runbooks are run with it.'
        : 'Check the limits on processes and memory.',
    cause: error,
  });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function capture(
  request: ShellRequest,
  stream: 'stdout' | 'stderr',
  secrets: readonly string[],
  child: ChildProcess,
): { output: OutputCapture; closed: Promise<void> } {
  const { onOutput } = request;
  const output = new OutputCapture(
    secrets,
    request.outputLimit ?? OUTPUT_LIMIT,
    onOutput && ((text) => onOutput({ stream, text })),
  );
  const source = child[stream];
  const closed = new Promise<void>((resolve) => {
    source?.on('data', (chunk: Buffer) => output.write(chunk));
    source?.once('close', resolve);
    source?.on('error', () => {});
  });
  return { output, closed };
}

/**
 * The command that does not exist, unless the command dealt with that itself: `jq … || fallback` that ends
 * well and prints something is no broken check; `missing | wc -l` is.
 */
function missingCommand(report: ShellReport, exit: number | null, stdout: string): string | null {
  if (report.missing === null) return null;
  const hidden = report.missing.inSubshell || report.pipeline.includes(127);
  return exit === 0 && !hidden && stdout.trim() !== '' ? null : report.missing.command;
}

/** A sandbox that ended without ever having come to the command was not made. */
function blocked(report: ShellReport, request: ShellRequest, end: GroupEnd, stderr: string): string | null {
  if (!request.sandbox || report.started || end.timedOut || end.cancelled) return report.blocked;
  return `the sandbox could not be made: ${oneLine(stderr, 160) || `${request.sandbox.name} ended with exit ${end.exit}`}`;
}
