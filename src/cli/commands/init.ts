import {
  type AlertingOptions,
  alertmanagerConfig,
  type GeneratedFile,
  prometheusConfig,
  writeGenerated,
} from '../../app/alerting-files.ts';
import { shippedRules } from '../../app/shipped-rules.ts';
import { AllclearError } from '../../kernel/index.ts';
import type { Io } from '../io.ts';

export interface InitOptions {
  readonly alertmanager?: boolean;
  readonly prometheus?: boolean;
  readonly dir?: string;
  readonly url?: string;
  readonly credentialsFile?: string;
  readonly alertmanagerAddress?: string;
  readonly guard?: readonly string[];
  readonly server?: readonly string[];
  readonly prefix?: string;
  readonly force?: boolean;
}

const RULES_FILE = 'allclear-rules.yml';

/** Prints configuration, or writes it into a folder. */
export async function initCommand(options: InitOptions, io: Io): Promise<number> {
  const files = await generate(options);
  if (options.dir === undefined) {
    io.out(
      files.map(({ name, text }) => (files.length > 1 ? `# ---- ${name} ----\n${text}` : text)).join('\n'),
    );
    return 0;
  }
  const written = await writeGenerated(files, {
    folder: options.dir,
    cwd: io.cwd,
    force: options.force === true,
  });
  for (const path of written) io.out(`${path}\n`);
  io.err(
    'Check them with `amtool check-config alertmanager.yml` and `promtool check config prometheus.yml`.\n' +
      'A token for Alertmanager: allclear token create --owner alertmanager --role responder --expires never\n',
  );
  return 0;
}

/** Without a choice, both. Only a folder gets the rules as well: `allclear rules` prints them. */
async function generate(options: InitOptions): Promise<GeneratedFile[]> {
  const both = options.alertmanager !== true && options.prometheus !== true;
  const alerting = readOptions(options);
  const files: GeneratedFile[] = [];
  if (both || options.alertmanager === true) {
    files.push({ name: 'alertmanager.yml', text: alertmanagerConfig(alerting) });
  }
  if (both || options.prometheus === true) {
    files.push({ name: 'prometheus.yml', text: prometheusConfig(alerting) });
    if (options.dir !== undefined) files.push({ name: RULES_FILE, text: await shippedRules(options.prefix) });
  }
  return files;
}

function readOptions(options: InitOptions): AlertingOptions {
  return {
    url: options.url ?? 'http://127.0.0.1:8600',
    credentialsFile: options.credentialsFile ?? '/etc/prometheus/allclear-token',
    alertmanager: target('--alertmanager-address', options.alertmanagerAddress ?? '127.0.0.1:9093'),
    guards: (options.guard ?? ['127.0.0.1:9090']).map((text) => target('--guard', text)),
    servers: (options.server ?? []).map((text) => target('--server', text)),
    rulesFile: RULES_FILE,
  };
}

/** `host:port`, as Prometheus wants its targets. */
function target(option: string, text: string): string {
  if (/^[\w.-]+:\d{1,5}$|^\[[0-9a-f:]+\]:\d{1,5}$/i.test(text)) return text;
  throw new AllclearError('E_BAD_VALUE', {
    what: `${option} cannot be ${JSON.stringify(text)}`,
    next: 'Give host:port, for example 127.0.0.1:9090.',
  });
}
