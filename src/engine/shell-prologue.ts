/**
 * What runs in a command's shell before the command, and what it tells us afterwards. The command's
 * own text is never changed: bash reads this file first (BASH_ENV).
 *
 * It reports commands that do not exist and endpoints that curl or wget could not reach, also inside
 * pipelines and substitutions where the shell's own exit code hides them; and it ends the command's
 * process group when Allclear itself is killed (the group holds one end of a socket; the watcher sees
 * the other end close).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { oneLine } from '../kernel/index.ts';

/** curl's exit codes that mean the endpoint was not reached, from its manual. */
const CURL_UNREACHABLE: Readonly<Record<number, string>> = {
  5: 'the proxy could not be resolved',
  6: 'the host could not be resolved',
  7: 'the connection was refused or failed',
  28: 'it did not answer in time',
  35: 'the TLS handshake failed',
  52: 'it answered nothing',
  55: 'sending failed',
  56: 'the connection broke',
};

export interface ShellReport {
  /** The exit codes of the parts of the last pipeline; empty when the shell did not get to its end. */
  readonly pipeline: readonly number[];
  readonly missing: { readonly command: string; readonly inSubshell: boolean } | null;
  /** The endpoint that could not be reached, and why, in words. */
  readonly unreachable: string | null;
}

/** Writes the prologue into `folder`, which also takes its reports. @returns the file's path */
export function writePrologue(folder: string, language: 'bash' | 'sh'): string {
  const file = join(folder, 'prologue');
  writeFileSync(file, prologue(folder, language), { mode: 0o600 });
  return file;
}

function prologue(folder: string, language: 'bash' | 'sh'): string {
  const report = (name: string): string => quote(join(folder, name));
  return `unset BASH_ENV
{ trap '' TERM INT HUP; read -r -u 3; kill -TERM 0; sleep 2; rm -rf ${quote(folder)}; kill -KILL 0; } </dev/null >/dev/null 2>&1 &
disown
exec 3<&-
command_not_found_handle() {
  printf '%s %s\\n' "$BASH_SUBSHELL" "\${1//[$'\\n\\r']/ }" 2>/dev/null >>${report('missing')}
  printf '%s: command not found\\n' "$1" >&2
  return 127
}
__allclear_endpoint() {
  local code=0
  command "$@" || code=$?
  { printf '%s' "$code"; printf ' %s' "\${@//[$'\\n\\r']/ }"; printf '\\n'; } 2>/dev/null >>${report('endpoints')}
  return "$code"
}
curl() { __allclear_endpoint curl "$@"; }
wget() { __allclear_endpoint wget "$@"; }
trap 'printf "%s\\n" "\${PIPESTATUS[@]}" 2>/dev/null >${report('pipeline')}' EXIT
${language === 'sh' ? 'set -o posix\n' : ''}`;
}

function quote(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}

export function readReport(folder: string): ShellReport {
  const lines = (name: string): string[] => {
    try {
      return readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean);
    } catch {
      return [];
    }
  };
  const missing = /^(\d+) (.*)$/.exec(lines('missing')[0] ?? '');
  return {
    pipeline: lines('pipeline').map(Number).filter(Number.isInteger),
    missing: missing ? { command: oneLine(missing[2]!, 80), inSubshell: missing[1] !== '0' } : null,
    unreachable: unreachable(lines('endpoints')),
  };
}

/**
 * The last call decides: a command that tries a second endpoint, or again, after a failure has dealt with
 * the failure itself.
 */
function unreachable(calls: readonly string[]): string | null {
  const last = calls.at(-1);
  const match = last === undefined ? null : /^(\d+) (curl|wget)(.*)$/.exec(last);
  if (!match) return null;
  const code = Number(match[1]);
  const program = match[2]!;
  const why = program === 'curl' ? CURL_UNREACHABLE[code] : code === 4 ? 'the network failed' : undefined;
  if (why === undefined) return null;
  const target = /\S+:\/\/[^\s'"]+/.exec(match[3]!)?.[0] ?? match[3]!.trim().split(' ').at(-1) ?? '';
  return `${program} could not reach ${oneLine(target, 120)}: ${why} (exit ${code})`;
}
