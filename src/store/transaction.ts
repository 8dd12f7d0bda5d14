import type { Chain } from './chain.ts';
import type { Writer } from './database.ts';

/** What goes with a transaction of `write` beside its statements. */
export interface Attached {
  /** How its lines are hashed. */
  readonly chain: Chain;
  /** Lines for the ledger: written last, so that nobody holds the ledger while waiting for an incident. */
  readonly ledger: NewLedgerLine[];
  /** Ends of time lines of incidents that this transaction holds, by incident. */
  readonly heads: Map<string, Head>;
  /** Those of them that are not written yet. */
  readonly moved: Set<string>;
}

/** The end of a time line: number, hash and time of the last event. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
  /** Epoch ms. */
  readonly at: number;
}

export interface NewLedgerLine {
  /** Epoch ms. */
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly incident: string | null;
  readonly data: unknown;
}

const attached = new WeakMap<Writer, Attached>();

export function attach(tx: Writer, to: Attached): void {
  attached.set(tx, to);
}

/** @throws TypeError for a transaction that `write` has not begun: its lines could not be chained */
export function attachedTo(tx: Writer): Attached {
  const found = attached.get(tx);
  if (!found) throw new TypeError('this transaction was not begun by the store');
  return found;
}
