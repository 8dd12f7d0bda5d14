/** What the processes that share a store tell each other: small, by key. */

import type { Reader, Writer } from './database.ts';
import { fromJson, toJson } from './json.ts';

/** Null when nobody has said anything. */
export async function readMeta(db: Reader, key: string): Promise<unknown> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst();
  return row ? fromJson(row.value) : null;
}

export async function writeMeta(tx: Writer, key: string, value: unknown): Promise<void> {
  const row = { key, value: toJson(value) };
  await tx
    .insertInto('meta')
    .values(row)
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: row.value }))
    .execute();
}
