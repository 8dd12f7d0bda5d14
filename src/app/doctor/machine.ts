/** What Allclear needs on this machine. */
import { execFile } from 'node:child_process';
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { describeSandbox, type Sandbox, type SandboxSettings } from '../../engine/index.ts';
import { openSandbox } from '../sandbox.ts';
import { broken, type Finding, off, ok, warning } from './finding.ts';

/** `node:sqlite` and all that is used is there from this version on. */
const NODE = 24;
const BASH = 4;
const COMMAND_MS = 10_000;
const run = promisify(execFile);

export function nodeFinding(version = process.versions.node): Finding {
  if (Number(version.split('.')[0]) >= NODE) return ok('node', version);
  return broken('node', `${version} is too old`, `Install Node ${NODE} or later.`);
}

export async function bashFinding(): Promise<Finding> {
  const version = await versionOf('bash');
  if (version === null) return broken('bash', 'is not installed', 'Install bash: runbooks are run with it.');
  if (Number(version.split('.')[0]) >= BASH) return ok('bash', version);
  return warning(
    'bash',
    `${version} is old`,
    'Install bash 4 or later: missing commands are seen only there.',
  );
}

export async function curlFinding(): Promise<Finding> {
  const version = await versionOf('curl');
  if (version !== null) return ok('curl', version);
  return warning('curl', 'is not installed', 'Install curl: most runbooks ask endpoints with it.');
}

async function versionOf(program: string): Promise<string | null> {
  try {
    const { stdout } = await run(program, ['--version'], { timeout: COMMAND_MS });
    return /\d+(?:\.\d+)+/.exec(stdout)?.[0] ?? 'unknown version';
  } catch {
    return null;
  }
}

export async function sandboxFinding(settings: SandboxSettings): Promise<Finding> {
  return sandboxFindingOf(await openSandbox(settings), settings);
}

const SANDBOX_FIX =
  'Install bubblewrap (apt-get install bubblewrap, dnf install bubblewrap), and allow user namespaces.';

export function sandboxFindingOf(sandbox: Sandbox, { mode }: Pick<SandboxSettings, 'mode'>): Finding {
  const name = 'sandbox';
  if (sandbox.state === 'closed') return ok(name, describeSandbox(sandbox));
  if (sandbox.state === 'refused') return broken(name, sandbox.why, SANDBOX_FIX);
  if (mode === 'off')
    return off(name, sandbox.why, 'Leave sandbox.mode away, and checks are kept from changing anything.');
  return warning(name, `none: ${sandbox.why}`, SANDBOX_FIX);
}

/** The folder of Allclear's own files; outputs and labels in it are nobody else's business. */
export async function homeFinding(folder: string): Promise<Finding> {
  const name = 'home';
  const found = await stat(folder).catch(() => null);
  if (found === null) return ok(name, `${folder} is made when it is needed`);
  if (!found.isDirectory()) return broken(name, `${folder} is no folder`, 'Set ALLCLEAR_HOME to a folder.');
  if (process.platform === 'win32' || (found.mode & 0o077) === 0) return ok(name, folder);
  return warning(name, `others may look into ${folder}`, `chmod 700 ${folder}`);
}

/** Bytes. A busy service writes some megabytes a day. */
const LITTLE = 1_000_000_000;
const TOO_LITTLE = 100_000_000;

/** Where a store in a file lies, or the nearest folder above that is there. */
export async function diskFinding(file: string): Promise<Finding> {
  const name = 'disk';
  const space = await statfs(dirname(file)).catch(() => null);
  if (space === null) {
    const above = dirname(file);
    if (above === dirname(above)) return warning(name, 'its space cannot be told', 'Look with `df -h`.');
    return diskFinding(above);
  }
  const free = space.bavail * space.bsize;
  const shown = `${(free / 1e9).toFixed(1)} GB free for the store`;
  if (free < TOO_LITTLE) return broken(name, shown, 'Make room: without it nothing is acknowledged.');
  return free < LITTLE ? warning(name, shown, 'Make room before it is gone.') : ok(name, shown);
}
