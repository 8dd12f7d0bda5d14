/** The environment that a runbook's commands see: an allow-list, never everything. */
import { delimiter, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AllclearError } from '../kernel/index.ts';
import { locateHome } from './home.ts';

/** Passed on as they are. docs/verdicts.md lists them. `ALLCLEAR_PASS_ENV` names more. */
const PASSED: readonly string[] = [
  // the shell
  'HOME',
  'LANG',
  'LANGUAGE',
  'LOGNAME',
  'SHELL',
  'TMPDIR',
  'TZ',
  'USER',
  'XDG_CONFIG_HOME',
  'XDG_RUNTIME_DIR',
  // the network
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'CURL_CA_BUNDLE',
  'SSL_CERT_DIR',
  'SSL_CERT_FILE',
  // where the tools of operators find their target; names and paths, no secrets
  'AWS_CONFIG_FILE',
  'AWS_DEFAULT_REGION',
  'AWS_PROFILE',
  'AWS_REGION',
  'AWS_SHARED_CREDENTIALS_FILE',
  'CLOUDSDK_CONFIG',
  'DOCKER_CONTEXT',
  'DOCKER_HOST',
  'GOOGLE_APPLICATION_CREDENTIALS',
  'KUBECONFIG',
  'PGHOST',
  'PGPASSFILE',
  'PGPORT',
  'PGSERVICE',
  'PGUSER',
  'SSH_AUTH_SOCK',
  'SYSTEMD_PAGER',
  // ours
  'ALLCLEAR_ACTOR',
  'ALLCLEAR_GUARD_TOKEN',
  'ALLCLEAR_INCIDENT',
  'ALLCLEAR_PROMETHEUS',
  'ALLCLEAR_PROMETHEUS_TOKEN',
];

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Where the guard shows metrics and levers when nothing else is said. */
export const DEFAULT_GUARD_URL = 'http://127.0.0.1:9090';
/** The command line's module, in the sources and in the build. */
export const MAIN_PROGRAM = fileURLToPath(new URL(`../cli/main${extname(import.meta.url)}`, import.meta.url));

/**
 * The allowed part of the caller's environment, with PATH extended so that `allclear` itself can be called,
 * and what the commands of a runbook need to reach the same guard and store.
 */
export function commandEnv(
  caller: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Record<string, string> {
  const extra = (caller['ALLCLEAR_PASS_ENV'] ?? '').split(/[\s,]+/).filter(Boolean);
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(caller)) {
    if (value === undefined) continue;
    if (PASSED.includes(name) || extra.includes(name) || /^LC_[A-Z]+$/.test(name)) env[name] = value;
  }
  const bin = fileURLToPath(new URL('../../bin/path', import.meta.url));
  const { folder, storeLocation } = locateHome(caller, cwd);
  return {
    ...env,
    PATH: [bin, caller['PATH'] ?? DEFAULT_PATH].join(delimiter),
    // Output is read by a program: no colours, no pager.
    TERM: 'dumb',
    PAGER: 'cat',
    ALLCLEAR_NODE: process.execPath,
    ALLCLEAR_MAIN: MAIN_PROGRAM,
    ALLCLEAR_HOME: folder,
    // A URL may hold the database's password: that is not for commands, unless ALLCLEAR_PASS_ENV says so.
    ...(!storeLocation.includes('://') && { ALLCLEAR_STORE: storeLocation }),
    ALLCLEAR_GUARD_URL: caller['ALLCLEAR_GUARD_URL'] ?? DEFAULT_GUARD_URL,
  };
}

/** Reads `--param name=value` and `--label name=value`. Errors: `E_USAGE`. */
export function parseAssignments(option: string, texts: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 1) {
      throw new AllclearError('E_USAGE', {
        what: `"${text}" after ${option} is not NAME=VALUE`,
        next: `Write, for example, ${option} region=eu-1.`,
      });
    }
    values.set(text.slice(0, equals).trim(), text.slice(equals + 1));
  }
  return values;
}
