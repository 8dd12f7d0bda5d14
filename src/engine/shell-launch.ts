/** Starts bash with its prologue, in the open or in a sandbox, and collects what the prologue reports. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AllclearError } from '../kernel/index.ts';
import { curlConfig, ownConfig } from './hosts.ts';
import type { ShellRequest } from './model.ts';
import type { Closed } from './sandbox/model.ts';
import { prologue, quote, REPORT_LIMIT, readReport, type ShellReport } from './shell-prologue.ts';

/** A shell that was told to start. */
export interface Launched {
  readonly child: ChildProcess;
  /** Resolves when no more reports can come. */
  readonly reported: Promise<void>;
  /** What the prologue has reported so far. */
  readonly report: () => ShellReport;
  /** Removes what was made for the run. */
  readonly clean: () => void;
}

/** Errors: those of `spawn`, thrown or told by the child; `E_SHELL` when no temporary folder can be made. */
export function launch(request: ShellRequest): Launched {
  return request.sandbox ? launchClosed(request, request.sandbox) : launchOpen(request);
}

/**
 * In the open: prologue, reports and the `.curlrc` are in a folder of the run. The fourth stream is a socket
 * whose other end closes when Allclear dies, killed or not: then a watcher ends the command's group.
 */
function launchOpen(request: ShellRequest): Launched {
  const { surroundings, language } = request;
  const folder = makeFolder();
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const reports = join(folder, 'report');
    const file = join(folder, 'prologue');
    writeFileSync(file, prologue(language, `>>${quote(reports)}`, watcher(folder)), { mode: 0o600 });
    const env: Record<string, string> = { ...surroundings.env, BASH_ENV: file };
    const config = curlConfigOf(request);
    if (config !== null) {
      writeFileSync(join(folder, '.curlrc'), config, { mode: 0o600 });
      env['CURL_HOME'] = folder;
    }
    const child = spawn('bash', ['--norc', '-c', request.command], {
      cwd: surroundings.cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    return { child, reported: Promise.resolve(), report: () => readReport(readSome(reports)), clean };
  } catch (error) {
    clean();
    throw error;
  }
}

function watcher(folder: string): string {
  return `{ trap '' TERM INT HUP; read -r -u 3; kill -TERM 0; sleep 2; rm -rf ${quote(folder)}; kill -KILL 0; } </dev/null >/dev/null 2>&1 &
disown
exec 3<&-`;
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

/** The command may have put anything in the file's place; only a file is read, and not without end. */
function readSome(file: string): string {
  let opened: number | undefined;
  try {
    opened = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const buffer = Buffer.alloc(REPORT_LIMIT);
    return buffer.toString('utf8', 0, readSync(opened, buffer));
  } catch {
    return '';
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}

/** Where the sandbox keeps what is made for the run; in its own /tmp. */
const RUN_FOLDER = '/tmp/.allclear';

/**
 * In a sandbox nothing of the run is in the file system outside: the prologue, the command and the `.curlrc` go in by
 * streams of their own, the reports come out by the fifth. The sandbox dies with Allclear by itself. The command is
 * a file, as its text among the arguments of several programs would be found by its own `pgrep -f`.
 */
function launchClosed(request: ShellRequest, sandbox: Closed): Launched {
  const { surroundings, language, command } = request;
  const first = `exec {__allclear_report}>&4 4>&-\n${sandbox.first}`;
  const texts = [
    { fd: 3, path: `${RUN_FOLDER}/prologue`, text: prologue(language, '>&"$__allclear_report"', first) },
    { fd: 5, path: `${RUN_FOLDER}/check`, text: command },
  ];
  const config = curlConfigOf(request);
  if (config !== null) texts.push({ fd: 6, path: `${RUN_FOLDER}/.curlrc`, text: config });
  const wrapped = sandbox.wrap({
    cwd: surroundings.cwd,
    env: {
      ...surroundings.env,
      BASH_ENV: `${RUN_FOLDER}/prologue`,
      ...(config === null ? {} : { CURL_HOME: RUN_FOLDER }),
    },
    files: texts,
    command: ['bash', '--norc', `${RUN_FOLDER}/check`],
  });
  const child = spawn(wrapped.file, wrapped.args, {
    cwd: surroundings.cwd,
    env: wrapped.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...texts.map(() => 'pipe' as const), 'pipe'],
  });
  for (const { fd, text } of texts) give(child, fd, text);
  let reports = '';
  const source = child.stdio[4];
  source?.on('error', () => {});
  source?.on('data', (chunk: Buffer) => {
    if (reports.length < REPORT_LIMIT) reports += chunk.toString('utf8');
  });
  const reported = new Promise<void>((resolve) => source?.once('close', resolve));
  return { child, reported, report: () => readReport(reports), clean: () => {} };
}

function give(child: ChildProcess, fd: number, text: string): void {
  const stream = child.stdio[fd];
  if (!stream || !('end' in stream)) return;
  // A child that never came to read it says so by its own end.
  stream.on('error', () => {});
  stream.end(text);
}

/** The mapped hosts as curl's configuration, the caller's own included; null when none is mapped. */
function curlConfigOf({ surroundings: { hosts, env } }: ShellRequest): string | null {
  return hosts.length === 0 ? null : curlConfig(hosts) + ownConfig(env['HOME']);
}
