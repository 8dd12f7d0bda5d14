/**
 * The key of a store's chains. A store knows its key by a fingerprint: once it has one, nobody who does not know the key
 * can open it, so that no line is made without by mistake.
 */
import { AllclearError } from '../kernel/index.ts';
import { type Chain, openChain } from './chain.ts';
import type { Reader, Writer } from './database.ts';
import { fromJson, toJson } from './json.ts';
import { appendLedger, ledgerHead } from './ledger.ts';
import type { Store } from './store.ts';
import { gatheredIn } from './transaction.ts';

/** Key in `meta`: the fingerprint. */
const KEY = 'audit-key';
const PAGE = 500;

interface Opened extends Pick<Store, 'db' | 'write' | 'location' | 'now'> {
  readonly chain: Chain;
}

/**
 * Holds the given key against the store's; an empty store takes it.
 * @throws `E_STORE_UNUSABLE` without the store's key, with another one, or with one when the store has begun without
 */
export async function settleKey({ db, write, chain, location, now }: Opened): Promise<void> {
  const stored = await storedFingerprint(db);
  if (stored === chain.fingerprint) return;
  if (stored === null && (await ledgerHead(db)).n === 0) {
    await write((tx) => takeKey(tx, chain, now()));
    // Another program may have been first, with another key.
    await settleKey({ db, write, chain, location, now });
    return;
  }
  throw new AllclearError('E_STORE_UNUSABLE', { ...mismatch(stored, chain), file: location });
}

function mismatch(stored: string | null, chain: Chain): { what: string; next: string } {
  if (stored === null) {
    return {
      what: 'the store was begun without an audit key, and ALLCLEAR_AUDIT_KEY gives one',
      next: 'To go on with a key, stop all programs that use the store and run `allclear store begin-key`.',
    };
  }
  return {
    what: chain.keyed
      ? 'ALLCLEAR_AUDIT_KEY is not the key that the store is kept with'
      : 'the store is kept with an audit key',
    next: 'Set ALLCLEAR_AUDIT_KEY to the key that it was begun with.',
  };
}

/**
 * Lets a store that was begun without a key go on with one; it must be opened anew afterwards.
 * @throws `E_STORE_UNUSABLE` when it has a key already
 */
export async function beginKey(store: Store, key: string): Promise<void> {
  const taken = await store.write((tx) => takeKey(tx, openChain(key), store.now()));
  if (taken) return;
  throw new AllclearError('E_STORE_UNUSABLE', {
    what: 'the store has an audit key already',
    next: 'A key cannot be changed: what was written with it holds only with it.',
    file: store.location,
  });
}

/**
 * The store goes on with the key. All that was written without is bound by lines of the ledger made with it: where the
 * time line of every incident ends now.
 * @returns false when there was a key already
 */
async function takeKey(tx: Writer, chain: Chain, at: number): Promise<boolean> {
  const { fingerprint } = chain;
  const taken = await tx
    .insertInto('meta')
    .values({ key: KEY, value: toJson(fingerprint) })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .returning('key')
    .executeTakeFirst();
  if (!taken) return false;
  gatheredIn(tx).chain = chain;
  appendLedger(tx, { at, actor: 'store', kind: 'audit-key', incident: null, data: { fingerprint } });
  for (let last = ''; ; ) {
    const page = await tx
      .selectFrom('incidents')
      .select(['id', 'seq', 'head_hash'])
      .where('id', '>', last)
      .orderBy('id')
      .limit(PAGE)
      .execute();
    if (page.length === 0) return true;
    for (const { id, seq, head_hash } of page) {
      appendLedger(tx, { at, actor: 'store', kind: 'head', incident: id, data: { seq, hash: head_hash } });
      last = id;
    }
  }
}

export async function storedFingerprint(db: Reader): Promise<string | null> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', KEY).executeTakeFirst();
  const value = row && fromJson(row.value);
  return typeof value === 'string' ? value : null;
}
