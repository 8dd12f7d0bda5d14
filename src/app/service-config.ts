/** The service's configuration file, `allclear.yaml`: each section's form is its room's. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { intakeConfig } from '../intake/index.ts';
import { AllclearError, loadYaml } from '../kernel/index.ts';
import { notificationsSchema } from '../notify/index.ts';
import { accessConfig } from '../server/index.ts';
import { deskConfig } from './desk-settings.ts';
import { readTextFile } from './read-runbooks.ts';

const serviceConfig = z.strictObject({
  /** How alerts become incidents. */
  ...intakeConfig,
  /** What may happen by itself, and with which parameters. */
  ...deskConfig,
  /** Who may come in. */
  ...accessConfig,
  /** Who is told what happens. */
  notifications: notificationsSchema.default([]),
});

export type ServiceConfig = z.infer<typeof serviceConfig>;

/**
 * Reads the file that `--config` or ALLCLEAR_CONFIG names; without either everything has its default.
 * @throws AllclearError `E_CONFIG_FILE` with file and line; `E_FILE_NOT_FOUND` and the like
 */
export async function readServiceConfig(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Promise<ServiceConfig> {
  const named = file ?? (env['ALLCLEAR_CONFIG']?.trim() || undefined);
  if (named === undefined) return serviceConfig.parse({});
  const text = await readTextFile(resolve(cwd, named), cwd).catch((error: unknown) => {
    if (!(error instanceof AllclearError)) throw error;
    const next = 'Let --config (or ALLCLEAR_CONFIG) name the YAML file with the settings of the service.';
    throw new AllclearError(error.code, { ...error.details, file: named, next, cause: error });
  });
  return parseServiceConfig(text, named);
}

/** @throws AllclearError `E_CONFIG_FILE` with file and line */
export async function parseServiceConfig(text: string, name: string): Promise<ServiceConfig> {
  const { YamlText } = await loadYaml();
  return new YamlText(text, name, 'docs/service.md').read(serviceConfig);
}
