import type { Kysely } from 'kysely';
import { GENESIS, openChain } from '../chain.ts';
import type { Schema } from '../schema.ts';

const PAGE = 500;

/**
 * The ledger begins: its end is written down, and so are the ends of the time lines that are there already.
 */
export async function up(untyped: Kysely<unknown>): Promise<void> {
  const db = untyped as Kysely<Schema>;
  await db.schema.createIndex('ledger_by_incident').on('ledger').columns(['incident', 'n']).execute();
  let head = { n: 0, hash: GENESIS };
  let last = '';
  for (;;) {
    const page = await db
      .selectFrom('incidents')
      .select(['id', 'seq', 'head_hash', 'updated_at'])
      .where('id', '>', last)
      .orderBy('id')
      .limit(PAGE)
      .execute();
    if (page.length === 0) break;
    for (const { id, seq, head_hash, updated_at } of page) {
      const data = JSON.stringify({ seq, hash: head_hash });
      const line = { n: head.n + 1, at: updated_at, actor: 'store', kind: 'head', incident: id, data };
      const said = [head.hash, 'ledger', line.n, line.at, line.actor, line.kind, id, data];
      const row = { ...line, prev_hash: head.hash, hash: openChain(null).hash(said) };
      await db.insertInto('ledger').values(row).execute();
      head = { n: row.n, hash: row.hash };
      last = id;
    }
  }
  await db
    .insertInto('meta')
    .values({ key: 'ledger-head', value: JSON.stringify(head) })
    .execute();
}
