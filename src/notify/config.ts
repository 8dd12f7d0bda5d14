/** The section `notifications` of the configuration file. docs/service-notifications.md describes it. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { z } from 'zod';
import { AllclearError, parseDuration } from '../kernel/index.ts';
import { type Matter, matters } from './news.ts';
import { signingKey } from './signature.ts';

const MAX_TARGETS = 50;
const severities = ['critical', 'warning', 'info'] as const;

/** A value that may be secret: written here, or in an environment variable or a file that is named here. */
const value = z.union([
  z.string().min(1),
  z.strictObject({ env: z.string().min(1) }),
  z.strictObject({ file: z.string().min(1) }),
]);

const seconds = z.union([z.string(), z.number()]).transform((text, context) => {
  const parsed = parseDuration(String(text));
  if (parsed !== undefined && parsed >= 1 && parsed <= 60) return parsed;
  context.addIssue('it takes a duration from 1 s to 60 s, for example 10s');
  return z.NEVER;
});

const OURS =
  /^(?:content-(?:length|type|encoding)|host|transfer-encoding|connection|expect|idempotency-key|webhook-.*)$/i;
const headerName = z.string().refine((name) => isHeaderName(name) && !OURS.test(name), {
  error: 'it is no header that can be set here',
});

const target = z
  .strictObject({
    /** Stands on time lines and in metrics. */
    name: z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,62}$/i, 'it takes letters, digits, dots and dashes'),
    kind: z.enum(['generic', 'slack']).default('generic'),
    url: z.string().optional(),
    'url-env': z.string().min(1).optional(),
    'url-file': z.string().min(1).optional(),
    /** Signs generic messages. */
    'secret-env': z.string().min(1).optional(),
    'secret-file': z.string().min(1).optional(),
    on: z
      .array(z.enum(matters))
      .min(1)
      .default([...matters]),
    /** Incidents of other severities, or of none, are not told. Default: all. */
    severity: z.array(z.enum(severities)).min(1).optional(),
    /** Ids. Default: all, and those without a runbook. */
    runbooks: z.array(z.string().min(1)).min(1).optional(),
    headers: z.record(headerName, value).default({}),
    timeout: seconds.default(10),
  })
  .superRefine((given, context) => {
    const places = [given.url, given['url-env'], given['url-file']].filter((one) => one !== undefined);
    if (places.length !== 1) context.addIssue('it takes one of url, url-env and url-file');
    if (given['secret-env'] !== undefined && given['secret-file'] !== undefined)
      context.addIssue('it takes one of secret-env and secret-file');
    if (given.kind === 'slack' && (given['secret-env'] ?? given['secret-file']) !== undefined)
      context.addIssue('a secret signs generic messages; Slack checks none');
  });

export const notificationsSchema = z
  .array(target)
  .max(MAX_TARGETS)
  .superRefine((targets, context) => {
    const seen = new Set<string>();
    for (const [index, { name }] of targets.entries()) {
      const key = name.toLowerCase();
      if (seen.has(key))
        context.addIssue({ code: 'custom', path: [index, 'name'], message: 'it is there twice' });
      seen.add(key);
    }
  });

export type NotificationsConfig = z.infer<typeof notificationsSchema>;
type TargetConfig = NotificationsConfig[number];

/** A place to tell, with its secrets read. Keep it out of logs. */
export interface Target {
  readonly name: string;
  readonly kind: 'generic' | 'slack';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Signs the messages; null for none. */
  readonly key: Buffer | null;
  readonly on: ReadonlySet<Matter>;
  /** Null: all. */
  readonly severity: ReadonlySet<string> | null;
  readonly runbooks: ReadonlySet<string> | null;
  readonly timeoutMs: number;
  /** Everything about it that must not be told or shown. */
  readonly secrets: readonly string[];
}

/** Where secrets are read from. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file. */
  readonly readFile: (path: string) => Promise<string>;
}

/**
 * Reads what the configuration names.
 * Errors: `E_BAD_VALUE` for a variable that is not set, a URL that is none, a header that cannot be sent; and
 * those of `readFile`. None of them repeats a secret.
 */
export function readTargets(config: NotificationsConfig, sources: SecretSources): Promise<Target[]> {
  return Promise.all(config.map((one) => readTarget(one, sources)));
}

async function readTarget(config: TargetConfig, sources: SecretSources): Promise<Target> {
  const { name } = config;
  const read = (from: string | { env: string } | { file: string }) => secretOf(name, from, sources);
  const given =
    config['url-env'] !== undefined
      ? { env: config['url-env'] }
      : config['url-file'] !== undefined
        ? { file: config['url-file'] }
        : config.url!;
  const url = readUrl(name, await read(given));
  const headers: Record<string, string> = {};
  for (const [header, from] of Object.entries(config.headers)) {
    headers[header] = readHeader(name, header, await read(from));
  }
  const secretEnv = config['secret-env'];
  const secretFile = config['secret-file'];
  const secret =
    secretEnv !== undefined
      ? await read({ env: secretEnv })
      : secretFile !== undefined
        ? await read({ file: secretFile })
        : null;
  return {
    name,
    kind: config.kind,
    url,
    headers,
    key: secret === null ? null : signingKey(secret),
    on: new Set(config.on),
    severity: config.severity ? new Set<string>(config.severity) : null,
    runbooks: config.runbooks ? new Set(config.runbooks) : null,
    timeoutMs: config.timeout * 1_000,
    secrets: [
      url.href,
      url.pathname + url.search,
      ...Object.values(headers),
      ...(secret === null ? [] : [secret]),
    ].filter((text) => text.length >= 4),
  };
}

async function secretOf(
  name: string,
  from: string | { env: string } | { file: string },
  { env, readFile }: SecretSources,
): Promise<string> {
  if (typeof from === 'string') return from;
  const text = 'env' in from ? (env[from.env] ?? '') : await readFile(from.file);
  const trimmed = text.trim();
  if (trimmed !== '') return trimmed;
  throw new AllclearError('E_BAD_VALUE', {
    what: `the notification ${name} takes a value from ${'env' in from ? `the variable ${from.env}, which is not set` : `${from.file}, which is empty`}`,
    next: 'Set it, or remove the notification from the configuration.',
  });
}

function readUrl(name: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const wrong =
    url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')
      ? 'is no http or https address'
      : url.username !== '' || url.password !== ''
        ? 'holds a password'
        : null;
  if (wrong === null) return url!;
  throw new AllclearError('E_BAD_VALUE', {
    what: `the address of the notification ${name} ${wrong}`,
    next:
      wrong === 'holds a password'
        ? 'Give it as a header, Authorization.'
        : 'Give the whole address, https://….',
  });
}

function readHeader(name: string, header: string, text: string): string {
  try {
    validateHeaderValue(header, text);
    return text;
  } catch {
    throw new AllclearError('E_BAD_VALUE', {
      what: `the header ${header} of the notification ${name} holds a character that no header can`,
      next: 'Look for line breaks in its value.',
    });
  }
}

function isHeaderName(name: string): boolean {
  try {
    validateHeaderName(name);
    return true;
  } catch {
    return false;
  }
}
