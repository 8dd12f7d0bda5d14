/**
 * A sandbox by Linux namespaces that need no rights, made with the programs of util-linux (2.36 or later), for
 * machines without bubblewrap. It closes the same. It takes some tens of milliseconds more, as every mount is a
 * program of its own, and `id` says root inside, whoever it is outside: mounting takes that name, and no other can be had
 * once /proc is read-only.
 */
import { insideEnv, insideFirst, SCRATCH_BYTES } from './inside.ts';
import type { Closed, Inside, SandboxSettings, Wrapped } from './model.ts';
import { type Overlay, viewOf } from './view.ts';

export function namespaces({ network, show }: SandboxSettings): Closed {
  return {
    state: 'closed',
    name: 'namespaces',
    network,
    first: insideFirst(),
    wrap: (inside: Inside): Wrapped => {
      // The prologue is for the command alone: the bash that builds the sandbox must not look for it outside.
      const { BASH_ENV: prologue = '', ...env } = insideEnv(inside.env);
      return {
        file: 'setpriv',
        args: [
          ...START,
          ...(network ? [] : ['--net']),
          ...BUILD_WITH,
          ...words(viewOf(inside.env, inside.cwd, show)),
          ...inside.files.flatMap(({ fd, path }) => ['file', String(fd), path]),
          'end',
          inside.cwd,
          prologue,
          ...WITHOUT_RIGHTS,
          ...inside.command,
        ],
        env,
      };
    },
  };
}

function words(overlays: readonly Overlay[]): string[] {
  return overlays.flatMap(({ at, from }) => (from === null ? ['hide', '-', at] : ['show', from, at]));
}

const WITHOUT_RIGHTS = [
  'setpriv',
  '--no-new-privs',
  '--bounding-set=-all',
  '--inh-caps=-all',
  '--ambient-caps=-all',
];

/**
 * Runs first inside, as root of the new namespaces: makes every mount read-only, lays folders in memory over the hidden
 * ones, and becomes what gives up all rights for good and runs the command.
 *
 * Of mounts on one place only the last is seen, so that is the one that must be read-only. Block devices could be
 * written on a read-only mount, so /dev is new; it holds, for the time of the building, all that was before.
 */
const BUILD = `set -eu
overlays=() files=() fds=() devices=(null zero full random urandom)
declare -A flags
while [[ $1 != end ]]; do
  if [[ $1 == file ]]; then files+=("$2" "$3"); else overlays+=("$2" "$3"); fi
  shift 3
done
cwd=$2 prologue=$3
shift 3
bind() {
  if [[ -d $1 ]]; then mkdir -p "$2"; else mkdir -p "\${2%/*}"; : >>"$2"; fi
  mount -c --bind "$1" "$2"
}
memory() { mount -t tmpfs -o "nosuid,mode=0755,size=${SCRATCH_BYTES}$2" tmpfs "$1"; }
while read -r _ _ _ _ place options _; do flags[$(printf %b "$place")]=$options; done </proc/self/mountinfo
for place in "\${!flags[@]}"; do
  [[ ,\${flags[$place]}, != *,ro,* ]] || continue
  mount -o "remount,bind,ro\${flags[$place]#rw}" "$place" 2>/dev/null || [[ ! -e $place ]] || {
    echo "$place cannot be made read-only" >&2
    exit 125
  }
done
for name in "\${devices[@]}"; do exec {fd}<>"/dev/$name"; fds+=("$fd"); done
memory /dev ''
for at in "\${!devices[@]}"; do
  fd=\${fds[at]}
  bind "/proc/self/fd/$fd" "/dev/\${devices[at]}"
  exec {fd}<&-
done
mkdir /dev/shm /dev/.before
ln -s /proc/self/fd /dev/fd
for name in stdin:0 stdout:1 stderr:2; do ln -s "fd/\${name#*:}" "/dev/\${name%:*}"; done
mount --rbind / /dev/.before
for ((at = 0; at < \${#overlays[@]}; at += 2)); do
  from=\${overlays[at]} place=\${overlays[at + 1]}
  if [[ $from == - ]]; then memory "$place" ,nodev; else bind "/dev/.before$from" "$place"; fi
done
umount -l /dev/.before
rmdir /dev/.before
for ((at = 0; at < \${#files[@]}; at += 2)); do
  fd=\${files[at]} path=\${files[at + 1]}
  mkdir -p "\${path%/*}"
  cat <&"$fd" >"$path"
  exec {fd}<&-
done
cd "$cwd"
export BASH_ENV=$prologue
exec "$@"
`;

/** The sandbox dies with Allclear: the kernel kills unshare, which has its first process inside killed. */
const START = 'setpriv --pdeathsig KILL unshare --user --map-root-user --mount --pid --ipc --uts'.split(' ');
const BUILD_WITH = ['--fork', '--kill-child=SIGKILL', 'bash', '--norc', '-c', BUILD, 'allclear-sandbox'];
