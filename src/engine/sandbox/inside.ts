/** What a command finds inside a sandbox: its environment, its limits, and what cannot work there. */
import { release } from 'node:os';
import { quote } from '../shell-prologue.ts';

/** Tokens that change things, and the addresses of sockets that take orders. */
const WITHHELD = [
  'ALLCLEAR_GUARD_TOKEN',
  'ALLCLEAR_STORE',
  'DBUS_SESSION_BUS_ADDRESS',
  'GPG_AGENT_INFO',
  'SSH_AUTH_SOCK',
  'XDG_RUNTIME_DIR',
];

/** Bytes of the sandbox's own /tmp, which is memory. */
export const SCRATCH_BYTES = 64 * 1024 * 1024;

/**
 * Processes in one sandbox. Linux counts them per user namespace since 5.14; before, with all others of the same user,
 * which would break checks of a busy user. Root has no such limit: there the time-out ends a storm.
 */
const PROCESSES = 512;
const [MAJOR = 0, MINOR = 0] = release().split('.').map(Number);
const COUNTS_PER_NAMESPACE = MAJOR > 5 || (MAJOR === 5 && MINOR >= 14);

export function insideEnv(env: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(env).filter(
    ([name, value]) => !WITHHELD.includes(name) && !(name === 'DOCKER_HOST' && value.startsWith('unix:')),
  );
  return { ...Object.fromEntries(kept), TMPDIR: '/tmp' };
}

/** Programs that act through a socket; without it they fail in ways that look like findings. */
const NEED_SOCKETS: Readonly<Record<string, readonly string[]>> = {
  systemctl: ['/run/systemd/private', '/run/dbus/system_bus_socket'],
  loginctl: ['/run/dbus/system_bus_socket'],
  busctl: ['/run/dbus/system_bus_socket'],
  docker: ['/run/docker.sock'],
  crictl: ['/run/containerd/containerd.sock', '/run/crio/crio.sock', '/run/k3s/containerd/containerd.sock'],
  ctr: ['/run/containerd/containerd.sock', '/run/k3s/containerd/containerd.sock'],
};

/**
 * /proc is the one outside, where these programs of procps look for themselves by the number that they have inside, and give
 * up when there is no such process. They are started under a number that exists; low ones mostly do.
 */
const LOOK_FOR_THEMSELVES = ['ps', 'pgrep', 'pidof', 'top', 'w'];
const NUMBERS_TRIED = 100;

/** Programs that gain rights, which nothing in a sandbox can. */
const NEED_RIGHTS = ['sudo', 'doas', 'su', 'pkexec'];

/**
 * The lines that come first in a command's shell. A program that cannot work is not run: it is reported, and the
 * check is broken, where a plain failure (`systemctl is-active` without D-Bus) would pass for a finding.
 */
export function insideFirst(): string {
  const sockets = Object.entries(NEED_SOCKETS).map(([program, paths]) => {
    const unless = program === 'docker' ? ' || [[ -n $DOCKER_HOST ]]' : '';
    const there = paths.map((path) => `[[ -S ${path} ]]`).join(' || ');
    return `${program}() { if ${there}${unless}; then command ${program} "$@"; else __allclear_blocked ${quote(
      `\`${program}\` needs ${paths.join(' or ')}, which a check in the sandbox does not see`,
    )}; fi; }`;
  });
  const rights = NEED_RIGHTS.map(
    (program) =>
      `${program}() { __allclear_blocked ${quote(`\`${program}\` cannot gain rights in the sandbox`)}; }`,
  );
  const lookers = LOOK_FOR_THEMSELVES.map(
    (program) => `${program}() { __allclear_numbered ${program} "$@"; }`,
  );
  return `ulimit -c 0
ulimit -f ${SCRATCH_BYTES / 1024}
${COUNTS_PER_NAMESPACE ? `ulimit -u ${PROCESSES} 2>/dev/null` : ''}
__allclear_blocked() {
  printf 'blocked %s\\n' "$1" 2>/dev/null >&"$__allclear_report"
  printf '%s\\n' "$1" >&2
  return 126
}
__allclear_numbered() {
  local tries code
  for ((tries = 0; tries < ${NUMBERS_TRIED}; tries++)); do
    code=0
    ([[ -e /proc/$BASHPID/stat ]] || exit 222; exec "$@") || code=$?
    [[ $code == 222 ]] || return "$code"
  done
  __allclear_blocked "\`$1\` cannot be run in the sandbox of this system"
}
${[...sockets, ...lookers, ...rights].join('\n')}`;
}
