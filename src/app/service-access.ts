/** Who may come in to the service, as its configuration says. */
import { resolve } from 'node:path';
import type { Clock } from '../kernel/index.ts';
import { AllclearError } from '../kernel/index.ts';
import {
  type AccessConfig,
  identityProvider,
  publicUrl,
  readSecret,
  ServiceAccess,
  type WebhookSecret,
} from '../server/index.ts';
import type { Store } from '../store/index.ts';

export interface AccessSurroundings {
  readonly store: Store;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Of the command line; it stands above the file's. */
  readonly publicUrl?: string | undefined;
}

/** Reads the secrets, and puts it together. Errors: `E_BAD_VALUE`, `E_FILE_UNREADABLE` */
export async function serviceAccess(
  config: AccessConfig,
  around: AccessSurroundings,
): Promise<ServiceAccess> {
  const { limits, session, oidc } = config;
  const url = around.publicUrl === undefined ? config['public-url'] : publicUrlOption(around.publicUrl);
  return new ServiceAccess({
    store: around.store,
    own: { publicUrl: url ?? null, hosts: config.hosts },
    limits: {
      perActor: limits['per-actor'],
      perAddress: limits['per-address'],
      failures: limits.failures,
    },
    session: { absoluteSeconds: session.lasts, idleSeconds: session.idle },
    webhook: await webhookSecret(config, around),
    oidc: oidc
      ? { config: oidc, provider: identityProvider(oidc, await clientSecret(oidc, around), around.clock) }
      : null,
  });
}

async function webhookSecret(
  { webhook }: AccessConfig,
  { env, cwd }: AccessSurroundings,
): Promise<WebhookSecret | null> {
  const source = fileOf(webhook?.['secret-file'], webhook?.['secret-env'], cwd);
  const secret =
    (await readSecret(source, "the webhook's secret", env)) || env['ALLCLEAR_WEBHOOK_SECRET'] || null;
  return secret === null ? null : { secret, user: webhook?.user ?? null };
}

function clientSecret(
  oidc: NonNullable<AccessConfig['oidc']>,
  { env, cwd }: AccessSurroundings,
): Promise<string | null> {
  const source = fileOf(oidc['client-secret-file'], oidc['client-secret-env'], cwd);
  return readSecret(source, "the identity provider's client secret", env);
}

function fileOf(file: string | undefined, env: string | undefined, cwd: string) {
  return { file: file === undefined ? undefined : resolve(cwd, file), env };
}

function publicUrlOption(text: string): URL {
  const parsed = publicUrl.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new AllclearError('E_BAD_VALUE', {
    what: `--public-url cannot be "${text.slice(0, 200)}"`,
    next: 'It takes the address that people see, without a path: https://allclear.example.org',
  });
}
