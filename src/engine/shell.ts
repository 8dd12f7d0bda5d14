/** Runs one command of a runbook: in its own process group, clean, bounded in time and output, redacted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AllclearError, systemCode } from '../kernel/index.ts';
import { writeCurlConfig } from './hosts.ts';
import type { ShellRequest, ShellResult } from './model.ts';
import { OUTPUT_LIMIT, OutputCapture } from './output-capture.ts';
import { superviseGroup } from './process-group.ts';
import { secretValues } from './redact.ts';
import { readReport, type ShellReport, writePrologue } from './shell-prologue.ts';

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
  const folder = makeFolder();
  try {
    const child = start(request, folder);
    const secrets = [...surroundings.secrets, ...secretValues(surroundings.env)];
    const stdout = capture(request, 'stdout', secrets, child);
    const stderr = capture(request, 'stderr', secrets, child);
    await spawned(child, request);
    const end = await superviseGroup(child, Promise.all([stdout.closed, stderr.closed]), {
      clock: surroundings.clock,
      timeoutSeconds: request.timeoutSeconds,
      graceSeconds: request.graceSeconds ?? GRACE_SECONDS,
      signal: request.signal,
    });
    for (const stream of child.stdio) stream?.destroy();
    const out = stdout.output.end();
    const err = stderr.output.end();
    const report = readReport(folder);
    return {
      ...end,
      stdout: out.text,
      stderr: err.text,
      truncated: out.truncated || err.truncated,
      missingCommand: missingCommand(report, end.exit, out.text),
      unreachable: report.unreachable,
      pipeline: report.pipeline,
      durationMs: surroundings.clock.monotonic() - started,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'allclear-run-'));
  } catch (error) {
    throw new AllclearError('E_SHELL', {
      what: `No temporary folder can be made in ${tmpdir()}`,
      next: 'Let TMPDIR name a folder that can be written.',
      cause: error,
    });
  }
}

function start(request: ShellRequest, folder: string): ChildProcess {
  const { surroundings, command } = request;
  if (command.includes('\0')) {
    throw new AllclearError('E_BAD_VALUE', {
      what: 'The command contains a NUL character',
      next: 'Remove it.',
    });
  }
  const env: Record<string, string> = {
    ...surroundings.env,
    BASH_ENV: writePrologue(folder, request.language),
  };
  if (surroundings.hosts.length > 0)
    env['CURL_HOME'] = writeCurlConfig(folder, surroundings.hosts, env['HOME']);
  try {
    return spawn('bash', ['--norc', '-c', command], {
      cwd: surroundings.cwd,
      env,
      detached: true,
      // The fourth is the socket by which the command's group notices that we are gone.
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
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
