/** What repositories work on: the same tables in either database, and the few places where the two differ. */
import { type Kysely, PostgresAdapter, type Transaction } from 'kysely';
import type { Schema } from './schema.ts';

/** What repositories read from: the store, or a transaction of it. */
export type Reader = Kysely<Schema>;

/** What repositories write to: always a transaction. */
export type Writer = Transaction<Schema>;

/** True on PostgreSQL, false on SQLite. For the few statements that differ. */
export function isPostgres(db: { getExecutor(): { readonly adapter: unknown } }): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter;
}

/**
 * Rows that are read and then written must be locked while others may write: with `FOR UPDATE` on PostgreSQL.
 * On SQLite a transaction has begun IMMEDIATE, so nobody else writes at all.
 */
export function forUpdate<Query extends { forUpdate(): Query }>(tx: Writer, query: Query): Query {
  return isPostgres(tx) ? query.forUpdate() : query;
}
