/** Finds what this system offers, by trying it. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { oneLine, systemClock } from '../../kernel/index.ts';
import { runShell } from '../shell.ts';
import { bubblewrap } from './bubblewrap.ts';
import type { Closed, Sandbox, SandboxSettings } from './model.ts';
import { namespaces } from './namespaces.ts';

const PROBE_SECONDS = 10;

/**
 * The sandbox for checks that run by themselves. Each kind is tried once with a command that looks whether it is
 * closed; the first that is, is taken. Takes some 20 ms.
 * Errors: none; why there is no sandbox stands in the result.
 */
export async function probeSandbox(settings: SandboxSettings): Promise<Sandbox> {
  if (settings.mode === 'off') return { state: 'open', why: 'switched off (sandbox mode off)' };
  const reasons: string[] = [];
  for (const candidate of candidates(settings)) {
    const problem = await problemOf(candidate);
    if (problem === null) return candidate;
    reasons.push(`${candidate.name}: ${problem}`);
  }
  const why = [...new Set([hint(), ...reasons].filter((reason) => reason !== null))].join('; ');
  return settings.mode === 'required'
    ? { state: 'refused', why: `a sandbox is required, and there is none (${why})` }
    : { state: 'open', why };
}

function candidates(settings: SandboxSettings): Closed[] {
  if (process.platform !== 'linux') return [];
  return [bubblewrap(settings, true), bubblewrap(settings, false), namespaces(settings)];
}

/**
 * Prints how many processes it sees in its own numbering, whether it can gain rights, and which it has; then
 * tries to write beside a file of ours.
 */
const LOOK = `grep -E '^(NoNewPrivs|CapEff|CapBnd|NSpid):' /proc/self/status
if : >"$HOME/written"; then echo written; fi 2>/dev/null
printf 'end %s\\n' "$(</dev/null wc -c)"`;

/** Null when it closes what it must; otherwise why not. */
export async function problemOf(sandbox: Closed): Promise<string | null> {
  // Not below /tmp, which the command would find empty anyway.
  const folder = makeFolder();
  try {
    const result = await runShell({
      language: 'bash',
      command: LOOK,
      surroundings: {
        clock: systemClock,
        cwd: '/',
        env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: folder },
        hosts: [],
        metrics: null,
        secrets: [],
        sampleSeconds: 1,
      },
      timeoutSeconds: PROBE_SECONDS,
      sandbox,
    });
    if (result.blocked !== null) return result.blocked.replace(/^the sandbox could not be made: /, '');
    if (result.timedOut) return `it did not start within ${PROBE_SECONDS} s`;
    return existsSync(join(folder, 'written')) ? 'the file system could be written' : leak(result.stdout);
  } catch (error) {
    return oneLine(error instanceof Error ? error.message : String(error), 160);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeFolder(): string {
  for (const place of [process.cwd(), homedir(), '/var/tmp']) {
    try {
      return mkdtempSync(join(place, '.allclear-probe-'));
    } catch {
      // The next one, then.
    }
  }
  return mkdtempSync(join(tmpdir(), 'allclear-probe-'));
}

function leak(seen: string): string | null {
  const fields = new Map(seen.split('\n').map((line) => [line.split(':')[0]!, line.split(/\s+/).slice(1)]));
  if (!seen.includes('\nend 0')) return 'its command did not run to the end';
  if (seen.includes('\nwritten')) return 'the file system could be written';
  if (fields.get('NoNewPrivs')?.[0] !== '1') return 'rights could be gained';
  if ([...(fields.get('CapEff') ?? []), ...(fields.get('CapBnd') ?? [])].some((set) => /[^0]/.test(set))) {
    return 'rights were left';
  }
  return null;
}

/** What keeps unprivileged namespaces away, where the system says so. */
function hint(): string | null {
  if (process.platform !== 'linux') return 'this system is not Linux';
  if (setting('user/max_user_namespaces') === '0') return 'user.max_user_namespaces is 0';
  if (setting('kernel/unprivileged_userns_clone') === '0') return 'kernel.unprivileged_userns_clone is 0';
  if (setting('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return 'AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)';
  }
  return null;
}

function setting(name: string): string | null {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    return null;
  }
}
