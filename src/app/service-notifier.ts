/** Notifications of the service, as its configuration says. */
import { resolve } from 'node:path';
import type { Log } from '../kernel/index.ts';
import { type NotificationsConfig, type Notifier, readTargets, startNotifier } from '../notify/index.ts';
import type { Store } from '../store/index.ts';
import { readTextFile } from './read-runbooks.ts';

export interface NotifierSurroundings {
  readonly store: Store;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Where people reach the service; null when nobody has said. */
  readonly publicUrl: string | null;
}

/**
 * Reads the targets' secrets and starts telling. Without targets it runs too: what there is to tell is then told
 * nobody, and does not pile up. Errors: those of `readTargets`
 */
export async function serviceNotifier(
  config: NotificationsConfig,
  { store, log, env, cwd, publicUrl }: NotifierSurroundings,
): Promise<Notifier> {
  const readFile = (path: string) => readTextFile(resolve(cwd, path), cwd);
  const targets = await readTargets(config, { env, readFile });
  return startNotifier({
    store,
    targets,
    publicUrl,
    onTrouble: ({ target, error }) => log({ event: 'notification-failed', target, why: error }),
  });
}
