/** What of a guard may change while it runs: flags, then the environment, then `--config`; the certificate. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type GuardSettings, leversFromEnv, readGuardFile } from '../guard/index.ts';
import { AllclearError, systemCode } from '../kernel/index.ts';
import { readCertificate } from './guard-files.ts';

export interface SettingsSources {
  /** From `--upstream`. */
  readonly upstreams: readonly string[];
  /** From `--config`. */
  readonly config?: string | undefined;
  /** PEM files: the listeners' certificate (with its chain) and key. */
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/**
 * Reads all sources anew. What the command line says counts most, then the environment, then the file.
 * Errors: `E_USAGE` (no upstream anywhere), `E_FILE_NOT_FOUND`, `E_FILE_UNREADABLE`,
 * `E_CONFIG_FILE`, `E_BAD_VALUE`; and as `readCertificate`.
 */
export async function readSettings(sources: SettingsSources): Promise<GuardSettings> {
  const { upstreams, config, env, cwd } = sources;
  const file = config === undefined ? null : await readConfig(config, cwd);
  const named = [upstreams, words(env['UPSTREAMS']), file?.upstreams ?? []].find((urls) => urls.length > 0);
  if (!named) {
    throw new AllclearError('E_USAGE', {
      what: 'the guard has nothing to guard',
      next: 'Name the MCP server: allclear guard --upstream http://127.0.0.1:3001',
    });
  }
  return {
    upstreams: named,
    levers: { ...file?.levers, ...leversFromEnv(env) },
    drivers: file?.drivers ?? [],
    tls: await readCertificate(sources),
  };
}

/** The files that settings are read from, as paths. */
export function settingsFiles({ config, tlsCert, tlsKey, cwd }: SettingsSources): readonly string[] {
  return [config, tlsCert, tlsKey].flatMap((file) => (file === undefined ? [] : [resolve(cwd, file)]));
}

async function readConfig(config: string, cwd: string): ReturnType<typeof readGuardFile> {
  let text: string;
  try {
    text = await readFile(resolve(cwd, config), 'utf8');
  } catch (error) {
    const missing = systemCode(error) === 'ENOENT';
    throw new AllclearError(missing ? 'E_FILE_NOT_FOUND' : 'E_FILE_UNREADABLE', {
      what: missing ? 'it does not exist' : `it cannot be read (${systemCode(error) ?? String(error)})`,
      next: 'Let --config name the YAML file with the settings of the guard.',
      file: config,
      cause: error,
    });
  }
  return readGuardFile(text, config);
}

function words(text: string | undefined): readonly string[] {
  return (text ?? '').split(/[\s,]+/).filter((word) => word !== '');
}
