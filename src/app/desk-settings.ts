/**
 * What every process that shares a store must agree about: policies, parameters, the sandbox for checks. A server with a
 * configuration file writes them into the store; a worker without one takes them from there.
 */
import { z } from 'zod';
import { policiesSchema, sandboxSettings } from '../engine/index.ts';
import type { Clock } from '../kernel/index.ts';
import { readMeta, type Store, writeMeta } from '../store/index.ts';

const KEY = 'desk-settings';
/** How soon a worker follows a server that was started with other settings. */
const LOOK_MS = 5_000;

const paramValue = z
  .union([z.string(), z.number(), z.boolean()], 'it takes text, a number, true or false')
  .transform(String)
  .pipe(z.string().max(4_096));

/** Sections of the configuration file. */
export const deskConfig = {
  /** What may happen by itself, per runbook and severity. */
  policies: policiesSchema,
  /** Values of runbooks' parameters, by name. */
  params: z.record(z.string().min(1).max(100), paramValue).default({}),
  /** What checks that run by themselves are kept in. */
  sandbox: sandboxSettings.prefault({}),
};

const settingsSchema = z.object(deskConfig);
export type DeskSettings = z.output<typeof settingsSchema>;

/** Lets workers that share the store plan as this server does. */
export async function publishSettings(
  store: Store,
  { policies, params, sandbox }: DeskSettings,
): Promise<void> {
  await store.write((tx) => writeMeta(tx, KEY, { policies, params, sandbox }));
}

/** What a server has published last; the cautious defaults when none has, or a newer one that is not understood. */
export async function sharedSettings(store: Store): Promise<DeskSettings> {
  const found = settingsSchema.safeParse((await readMeta(store.db, KEY)) ?? {});
  return found.success ? found.data : settingsSchema.parse({});
}

export interface FollowedSettings {
  readonly current: DeskSettings;
  close(): void;
}

/** The published settings, kept up to date. Errors: the store's, at the first reading. */
export async function followSettings(store: Store, clock: Clock): Promise<FollowedSettings> {
  let current = await sharedSettings(store);
  let closed = false;
  const look = async () => {
    try {
      current = await sharedSettings(store);
    } catch {
      // While the store cannot be read, what was read last holds.
    }
    if (!closed) cancel = again();
  };
  const again = () => clock.after(LOOK_MS, () => void look());
  let cancel = again();
  return {
    get current() {
      return current;
    },
    close: () => {
      closed = true;
      cancel();
    },
  };
}
