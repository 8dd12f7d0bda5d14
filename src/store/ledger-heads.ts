import { appendLedger } from './ledger.ts';
import { oneOf } from './row-set.ts';
import type { Store } from './store.ts';

/** Open incidents whose end is told at once. */
const AT_ONCE = 500;

/**
 * Tells in the ledger where the time lines of open incidents end that have changed since `since` (epoch ms): cut later,
 * together with the row that tells its length, such a time line no longer agrees with the ledger.
 * @returns how many it told
 */
export function tellHeads(store: Store, actor: string, since: number): Promise<number> {
  return store.write(async (tx) => {
    const changed = await tx
      .selectFrom('events')
      .select('incident')
      .distinct()
      .where('at', '>=', since)
      .limit(AT_ONCE)
      .execute();
    const incidents = changed.map(({ incident }) => incident);
    const heads = await tx
      .selectFrom('incidents')
      .select(['id', 'seq', 'head_hash'])
      .where(oneOf(tx, 'id', incidents))
      .where('is_open', '=', 1)
      .execute();
    for (const { id, seq, head_hash: hash } of heads)
      appendLedger(tx, { at: store.now(), actor, kind: 'head', incident: id, data: { seq, hash } });
    return heads.length;
  });
}
