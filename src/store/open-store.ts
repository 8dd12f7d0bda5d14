import { AllclearError } from '../kernel/index.ts';
import { openPostgresStore } from './open-postgres-store.ts';
import { openSqliteStore } from './open-sqlite-store.ts';
import { isPostgresUrl } from './postgres-place.ts';
import type { Store, StoreOptions } from './store.ts';

/**
 * Opens the store and brings its schema up to date.
 * @param location a file path, `:memory:`, or `postgres://user:password@host:port/database`
 * @throws `E_STORE_UNUSABLE`, `E_STORE_BUSY`, `E_STORE_DOWN`, `E_STORE_NEWER`, `E_BAD_VALUE` for an unknown kind of
 *   location
 */
export async function openStore(location: string, options: StoreOptions = {}): Promise<Store> {
  if (isPostgresUrl(location)) return openPostgresStore(location, options);
  if (/^[a-z][a-z0-9+]*:\/\//i.test(location)) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `a store is a file or a PostgreSQL database; it cannot be ${location.split('://')[0]}://`,
      next: 'Set ALLCLEAR_STORE to a file path or postgres://user@host/database, or leave it unset.',
    });
  }
  return openSqliteStore(location, options);
}
