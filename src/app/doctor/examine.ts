/** `allclear doctor`: looks at everything that Allclear needs, and changes nothing but an older store's schema. */
import { AllclearError, type Clock, systemClock } from '../../kernel/index.ts';
import { locateHome } from '../home.ts';
import { readServiceConfig, type ServiceConfig } from '../service-config.ts';
import { alertmanagerFinding, guardFinding, prometheusFinding } from './endpoints.ts';
import { brokenBy, type Finding, ok } from './finding.ts';
import {
  bashFinding,
  curlFinding,
  diskFinding,
  homeFinding,
  nodeFinding,
  sandboxFinding,
} from './machine.ts';
import { runbooksFinding } from './runbooks.ts';
import { storeFindings } from './store.ts';

export interface DoctorOptions {
  readonly config?: string | undefined;
  readonly runbooks?: readonly string[] | undefined;
  readonly prometheus?: string | undefined;
  readonly alertmanager?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock?: Clock;
}

/** All findings, in the order in which to mend things. Errors: none that a user can cause. */
export async function examine(options: DoctorOptions): Promise<Finding[]> {
  const { env, cwd, clock = systemClock } = options;
  const home = locateHome(env, cwd);
  const { config, finding } = await readConfig(options);
  const webhook = config.webhook !== undefined || Boolean(env['ALLCLEAR_WEBHOOK_SECRET']);
  const isFile = !/^[a-z][a-z0-9+]+:/i.test(home.storeLocation);
  const looked = await Promise.all([
    bashFinding(),
    curlFinding(),
    sandboxFinding(config.sandbox),
    homeFinding(home.folder),
    ...(isFile ? [diskFinding(home.storeLocation)] : []),
    storeFindings({ location: home.storeLocation, clock, webhook }),
    runbooksFinding(options.runbooks ?? [], cwd, clock),
    guardFinding(env),
    prometheusFinding(options.prometheus, env),
    alertmanagerFinding(options.alertmanager),
  ]);
  return [nodeFinding(), finding, ...looked.flat()];
}

/** A configuration that cannot be read is a finding, and the rest is looked at with the defaults. */
async function readConfig({ config: file, env, cwd }: DoctorOptions): Promise<{
  config: ServiceConfig;
  finding: Finding;
}> {
  try {
    const config = await readServiceConfig(file, env, cwd);
    const name = file ?? env['ALLCLEAR_CONFIG']?.trim();
    return { config, finding: ok('config', name ? name : 'none: everything has its default') };
  } catch (error) {
    if (!(error instanceof AllclearError)) throw error;
    const config = await readServiceConfig(undefined, {}, cwd);
    return { config, finding: brokenBy('config', error, 'Correct the file.') };
  }
}
