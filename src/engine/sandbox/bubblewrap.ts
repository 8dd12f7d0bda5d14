/** A sandbox by bubblewrap (https://github.com/containers/bubblewrap). */
import { insideEnv, insideFirst, SCRATCH_BYTES } from './inside.ts';
import type { Closed, Inside, SandboxSettings, Wrapped } from './model.ts';
import { viewOf } from './view.ts';

/**
 * The user namespace is never left out, for root neither: /proc is the host's, so that `ps` and `pgrep` tell the
 * truth, and only another user namespace keeps `/proc/1/root` from leading around the read-only file system.
 * @param sized bubblewrap knows `--size` (0.6 and later)
 */
export function bubblewrap(settings: SandboxSettings, sized: boolean): Closed {
  const { network, show } = settings;
  const namespaces = ['user', 'pid', 'ipc', 'uts', ...(network ? [] : ['net'])];
  const fixed = [
    ...namespaces.map((name) => `--unshare-${name}`),
    '--die-with-parent',
    '--new-session',
    ...'--cap-drop ALL --ro-bind / / --dev /dev'.split(' '),
  ];
  const size = sized ? ['--size', String(SCRATCH_BYTES)] : [];
  return {
    state: 'closed',
    name: 'bubblewrap',
    network,
    first: insideFirst(),
    wrap: (inside: Inside): Wrapped => {
      const overlays = viewOf(inside.env, inside.cwd, show);
      return {
        file: 'bwrap',
        args: [
          ...fixed,
          ...overlays.flatMap(({ from, at }) =>
            from === null ? [...size, '--tmpfs', at] : ['--ro-bind-try', from, at],
          ),
          ...inside.files.flatMap(({ fd, path }) => ['--file', String(fd), path]),
          '--chdir',
          inside.cwd,
          '--',
          ...inside.command,
        ],
        env: insideEnv(inside.env),
      };
    },
  };
}
