/**
 * What of the file system a check sees. All of it, read-only, but for folders where programs listen on sockets:
 * a socket takes orders (`docker.sock`, D-Bus, an SSH agent) also where its file system is read-only.
 */
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Laid over the read-only file system, outer folders before inner ones. */
export interface Overlay {
  /** The place in the file system. */
  readonly at: string;
  /** What is seen there, read-only; null: an empty folder in memory, which can be written. */
  readonly from: string | null;
}

const HIDDEN = ['/tmp', '/run', '/var/run', '/var/lib/lxd', '/var/lib/incus', '/var/snap/lxd/common/lxd'];
const HIDDEN_AT_HOME = ['.docker/run', '.docker/desktop', '.ssh/agent', '.colima', '.lima'];

/** What only informs: the journal, the resolver's configuration, who is logged in, a pod's service account. */
const SHOWN = [
  '/run/log/journal',
  '/run/utmp',
  '/run/machine-id',
  '/run/secrets',
  '/run/systemd/system',
  '/run/systemd/resolve/resolv.conf',
  '/run/systemd/resolve/stub-resolv.conf',
  '/run/NetworkManager/resolv.conf',
  '/run/resolvconf/resolv.conf',
  '/run/current-system',
];

/** Variables that name files which commands need. Labels and parameters are not among them: they come from outside. */
const NAMES_FILES = [
  'HOME',
  'PATH',
  'XDG_CONFIG_HOME',
  'KUBECONFIG',
  'AWS_CONFIG_FILE',
  'AWS_SHARED_CREDENTIALS_FILE',
  'CLOUDSDK_CONFIG',
  'GOOGLE_APPLICATION_CREDENTIALS',
  'PGPASSFILE',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'CURL_CA_BUNDLE',
];

/** @param show what the configuration shows besides, in hidden folders */
export function viewOf(
  env: Readonly<Record<string, string>>,
  cwd: string,
  show: readonly string[],
): Overlay[] {
  const home = env['HOME'] ?? '';
  const atHome = home.startsWith('/') && home !== '/' ? HIDDEN_AT_HOME.map((name) => join(home, name)) : [];
  const hidden = [...HIDDEN, ...atHome].filter(isFolder);
  const named = NAMES_FILES.flatMap((name) => (env[name] ?? '').split(delimiter));
  const overlays = new Map<string, string | null>(hidden.map((folder) => [folder, null]));
  for (const path of [...SHOWN, ...[...named, cwd].filter((name) => !isSocket(name)), ...show]) {
    const at = withoutLinks(path);
    const from = hidden.some((folder) => at.startsWith(`${folder}/`)) ? real(at) : null;
    if (from !== null) overlays.set(at, from);
  }
  const sorted = [...overlays].map(([at, from]) => ({ at, from })).toSorted((a, b) => (a.at < b.at ? -1 : 1));
  return sorted.filter(({ at, from }) => from === null || !isSeenIn(outerOf(at, sorted)));
}

/** The innermost overlay that this place lies in. */
function outerOf(at: string, overlays: readonly Overlay[]): Overlay | undefined {
  return overlays.findLast((outer) => at.startsWith(`${outer.at}/`));
}

function isSeenIn(outer: Overlay | undefined): boolean {
  return outer !== undefined && outer.from !== null;
}

/** `/var/run` is a link to `/run` nearly everywhere: what is shown there is shown behind the link. */
function withoutLinks(path: string): string {
  const match = /^\/var\/run\/(.*)$/.exec(path);
  return match && !isFolder('/var/run') ? `/run/${match[1]}` : path.replace(/(?<=.)\/+$/, '');
}

function real(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}
