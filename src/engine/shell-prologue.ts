/**
 * What runs in a command's shell before the command, and what it tells us afterwards. The command's
 * own text is never changed: bash reads this file first (BASH_ENV).
 *
 * It reports commands that do not exist and endpoints that curl or wget could not reach, also inside
 * pipelines and substitutions where the shell's own exit code hides them. Each report is a line: its kind,
 * a space, and what it says.
 */
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

/** Characters of reports that are read; a command with more endpoints than that has a problem of its own. */
export const REPORT_LIMIT = 256 * 1024;

export interface ShellReport {
  /** The shell got as far as the command. */
  readonly started: boolean;
  /** The exit codes of the parts of the last pipeline; empty when the shell did not get to its end. */
  readonly pipeline: readonly number[];
  readonly missing: { readonly command: string; readonly inSubshell: boolean } | null;
  /** The endpoint that could not be reached, and why, in words. */
  readonly unreachable: string | null;
  /** The first program that was kept from running, and why, in words. */
  readonly blocked: string | null;
}

/**
 * @param report a redirection to where reports go, as bash writes it: `>>'/folder/report'`, `>&10`
 * @param first lines that come before all else
 */
export function prologue(language: 'bash' | 'sh', report: string, first: string): string {
  return `unset BASH_ENV
${first}
printf 'started \\n' 2>/dev/null ${report}
command_not_found_handle() {
  printf 'missing %s %s\\n' "$BASH_SUBSHELL" "\${1//[$'\\n\\r']/ }" 2>/dev/null ${report}
  printf '%s: command not found\\n' "$1" >&2
  return 127
}
__allclear_endpoint() {
  local code=0 words
  command "$@" || code=$?
  printf -v words ' %s' "\${@//[$'\\n\\r']/ }"
  printf 'endpoint %s%s\\n' "$code" "\${words:0:2000}" 2>/dev/null ${report}
  return "$code"
}
curl() { __allclear_endpoint curl "$@"; }
wget() { __allclear_endpoint wget "$@"; }
trap 'printf "exit %s\\n" "\${PIPESTATUS[@]}" 2>/dev/null ${report}' EXIT
${language === 'sh' ? 'set -o posix\n' : ''}`;
}

/** The text as one word of the shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function readReport(text: string): ShellReport {
  const lines = text.slice(0, REPORT_LIMIT).split('\n');
  const said = (kind: string): string[] =>
    lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.slice(kind.length + 1));
  const missing = /^(\d+) (.*)$/.exec(said('missing')[0] ?? '');
  const blocked = said('blocked')[0];
  return {
    started: said('started').length > 0,
    pipeline: said('exit').map(Number).filter(Number.isInteger),
    missing: missing ? { command: oneLine(missing[2]!, 80), inSubshell: missing[1] !== '0' } : null,
    unreachable: unreachable(said('endpoint')),
    blocked: blocked === undefined ? null : oneLine(blocked, 200),
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
