/** Configuration for Alertmanager and Prometheus that routes alerts to the incident service. */
import { access, mkdir, open } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { AllclearError, systemCode } from '../kernel/index.ts';

export interface AlertingOptions {
  /** Where `allclear serve` is reached from Alertmanager: `http://127.0.0.1:8600`. */
  readonly url: string;
  /** The file that holds the token, on Alertmanager's machine. */
  readonly credentialsFile: string;
  /** `host:port` of Alertmanager, for Prometheus. */
  readonly alertmanager: string;
  /** `host:port` of guards' admin listeners. */
  readonly guards: readonly string[];
  /** `host:port` of MCP servers' metrics. */
  readonly servers: readonly string[];
  /** The rule file, as Prometheus is to find it. */
  readonly rulesFile: string;
}

/** Path of the route that takes alerts. */
const WEBHOOK = '/api/v1/webhooks/alertmanager';

/** @throws `E_BAD_VALUE` for a URL that is none */
export function alertmanagerConfig({ url, credentialsFile }: AlertingOptions): string {
  return `# Alertmanager: routes every alert to Allclear. If you have a configuration already, add the receiver, and the
# route as the first of its routes with \`continue: true\`, so that your other receivers are told as before.
route:
  receiver: allclear
  # One message for each kind of alert and affected system. Allclear makes incidents by itself, by runbook and by
  # \`identify-by\` of its configuration; grouping only keeps messages small.
  group_by: [alertname, cluster, namespace, service, job]
  # Diagnosis begins with the first message: do not wait long for others.
  group_wait: 5s
  group_interval: 1m
  repeat_interval: 4h

receivers:
  - name: allclear
    webhook_configs:
      - url: ${quoted(webhookUrl(url))}
        # That an alert is over is evidence.
        send_resolved: true
        # 0: never leave alerts out. A storm is one incident, however many alerts it has.
        max_alerts: 0
        http_config:
          authorization:
            type: Bearer
            # Holds a token (allclear token create --owner alertmanager --role responder --expires never), or the
            # secret that \`webhook\` of Allclear's configuration names.
            credentials_file: ${quoted(credentialsFile)}
`;
}

export function prometheusConfig({ alertmanager, guards, servers, rulesFile }: AlertingOptions): string {
  return `# Prometheus: scrapes guards and MCP servers, evaluates Allclear's alert rules, tells Alertmanager. If you have a
# configuration already, add these entries to its lists.
global:
  # The runbooks look at windows of 15 s.
  scrape_interval: 5s
  evaluation_interval: 5s

rule_files:
  # Made by: allclear rules --prefix URL
  - ${quoted(rulesFile)}

alerting:
  alertmanagers:
    - static_configs:
        - targets: [${quoted(alertmanager)}]

scrape_configs:
  - job_name: mcp-guard
    static_configs:
      - targets: [${guards.map(quoted).join(', ')}]
  - job_name: mcp-server
    static_configs:
      - targets: [${servers.map(quoted).join(', ')}]
`;
}

/** JSON strings are YAML strings. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function webhookUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `--url cannot be ${JSON.stringify(text)}`,
      next: 'Give where `allclear serve` is reached, without user and password: http://127.0.0.1:8600.',
    });
  }
  return `${url.origin}${url.pathname.replace(/\/$/, '')}${WEBHOOK}`;
}

export interface GeneratedFile {
  /** Below the folder. */
  readonly name: string;
  readonly text: string;
}

/**
 * Writes files into a folder, all or none: nothing is written when one is there already.
 * @param force replaces what is there
 * @returns their paths, as from `cwd`
 * @throws `E_USAGE` when a file exists, `E_FILE_UNREADABLE` when one cannot be written
 */
export async function writeGenerated(
  files: readonly GeneratedFile[],
  { folder, cwd, force }: { folder: string; cwd: string; force: boolean },
): Promise<string[]> {
  const paths = files.map(({ name }) => resolve(cwd, folder, name));
  if (!force) await requireAbsent(paths, cwd);
  for (const [index, { text }] of files.entries()) {
    await writeOne(paths[index]!, text, force).catch((cause: unknown) => {
      throw systemCode(cause) === 'EEXIST' ? exists(paths[index]!, cwd) : unwritable(paths[index]!, cause);
    });
  }
  return paths.map((path) => relative(cwd, path) || path);
}

async function writeOne(path: string, text: string, force: boolean): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // wx: also a file that appears in this moment is left alone.
  const file = await open(path, force ? 'w' : 'wx');
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}

async function requireAbsent(paths: readonly string[], cwd: string): Promise<void> {
  for (const path of paths) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) throw exists(path, cwd);
  }
}

function exists(path: string, cwd: string): AllclearError {
  return new AllclearError('E_USAGE', {
    what: `${relative(cwd, path) || path} is there already; nothing was written`,
    next: 'Give --force to replace it, or another --dir.',
  });
}

function unwritable(path: string, cause: unknown): AllclearError {
  return new AllclearError('E_FILE_UNREADABLE', {
    what: `it cannot be written (${systemCode(cause) ?? String(cause)})`,
    next: 'Give a --dir that this user can write.',
    file: path,
    cause,
  });
}
