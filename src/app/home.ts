/** Where Allclear keeps its state: `ALLCLEAR_HOME`, by default `.allclear` in the current folder. */
import { writeFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { AllclearError, slug, systemCode } from '../kernel/index.ts';
import { makeFolder, openStore, type Store } from '../store/index.ts';

export interface Home {
  readonly folder: string;
  /** A file path, or the URL of a PostgreSQL database, with its password. */
  readonly storeLocation: string;
  /** What the chains of events are made with; null: no key. */
  readonly auditKey: string | null;
  /** The file for the proposed rewriting of a runbook after an incident. */
  updateFile(incident: string, runbook: string): string;
}

type Env = Readonly<Record<string, string | undefined>>;

export function locateHome(env: Env, cwd: string): Home {
  const folder = resolve(cwd, env['ALLCLEAR_HOME'] || '.allclear');
  return {
    folder,
    storeLocation: storeLocation(env['ALLCLEAR_STORE'], cwd) ?? join(folder, 'allclear.db'),
    auditKey: env['ALLCLEAR_AUDIT_KEY']?.trim() || null,
    updateFile: (incident, runbook) => join(folder, 'updates', slug(incident), `${slug(runbook)}.md`),
  };
}

function storeLocation(wanted: string | undefined, cwd: string): string | null {
  if (!wanted) return null;
  return wanted === ':memory:' || /^[a-z][a-z0-9+]+:/i.test(wanted) ? wanted : resolve(cwd, wanted);
}

/** Errors: as `openStore`. */
export function openHomeStore(home: Home): Promise<Store> {
  return openStore(home.storeLocation, { auditKey: home.auditKey });
}

/** Opens the store for one piece of work. Errors: as `openStore`, and the work's own. */
export async function withHomeStore<T>(
  { env, cwd }: { env: Env; cwd: string },
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const store = await openHomeStore(locateHome(env, cwd));
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/**
 * Writes a file below the home, making its folder.
 * @throws `E_STORE_UNUSABLE` when it cannot be written
 */
export async function writeHomeFile(file: string, text: string): Promise<void> {
  try {
    await makeFolder(dirname(file));
    await writeFile(file, text, { mode: 0o600 });
  } catch (error) {
    throw new AllclearError('E_STORE_UNUSABLE', {
      what: `it cannot be written (${systemCode(error) ?? String(error)})`,
      next: 'Set ALLCLEAR_HOME to a folder this user can write.',
      file,
      cause: error,
    });
  }
}

/** Who makes the changes: `ALLCLEAR_ACTOR`, else the user's name. */
export function actorName(env: Env): string {
  return env['ALLCLEAR_ACTOR']?.trim() || env['USER']?.trim() || systemUser() || 'unknown';
}

/** Names this process in leases and messages: `host:pid`. */
export function workerName(): string {
  return `${hostname()}:${process.pid}`;
}

/** '' where the system knows no user name, as in some containers. */
function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
