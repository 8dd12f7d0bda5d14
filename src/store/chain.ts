/**
 * Chains of hashes: each line of a time line, and of the ledger, carries the hash of the line before it and of itself,
 * so that a change, a gap or another order shows.
 *
 * With a key (`ALLCLEAR_AUDIT_KEY`) a hash is an HMAC: who can write the database but does not know the key cannot
 * make a chain that holds. Such hashes begin with `k`, and a chain that once has a key never goes on without.
 */
import { createHash, createHmac } from 'node:crypto';

/** What the first line of a chain follows. */
export const GENESIS = '0'.repeat(64);

const KEYED = 'k';

export interface Chain {
  /** True when it makes hashes with a key. */
  readonly keyed: boolean;
  /** The hash of a line, from everything it says and the hash before it. */
  hash(line: readonly unknown[]): string;
  /** True when `hash` is that of the line. Without the key a keyed hash never holds. */
  holds(hash: string, line: readonly unknown[]): boolean;
  /** Names the key without telling it; null without one. */
  readonly fingerprint: string | null;
}

/** @param key null: plain SHA-256 */
export function openChain(key: string | null): Chain {
  if (key === null) {
    return { keyed: false, hash: plain, holds: (hash, line) => hash === plain(line), fingerprint: null };
  }
  const mac = (text: string) => createHmac('sha256', key).update(text).digest('hex');
  const keyed = (line: readonly unknown[]) => KEYED + mac(JSON.stringify(line));
  return {
    keyed: true,
    hash: keyed,
    holds: (hash, line) => hash === (isKeyed(hash) ? keyed(line) : plain(line)),
    fingerprint: mac('the key of an Allclear store').slice(0, 16),
  };
}

function plain(line: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(line)).digest('hex');
}

export function isKeyed(hash: string): boolean {
  return hash.startsWith(KEYED);
}
