import type { Chain } from './chain.ts';
import type { Reader, Writer } from './database.ts';
import type { EventRow, EvidenceRow, IncidentRow } from './schema.ts';

/**
 * What a transaction of `write` has gathered, to be written when it ends: many small changes are then few statements.
 * Nobody else sees or changes these rows before that; the repositories see to it that the transaction itself does.
 */
export interface Gathered {
  /** How its lines are hashed from here on. */
  chain: Chain;
  /** Lines for the ledger: written last, so that nobody holds the ledger while waiting for an incident. */
  readonly ledger: NewLedgerLine[];
  /** Rows of incidents that it holds, as they are to be. */
  readonly incidents: Map<string, IncidentRow>;
  /** What of them has changed, by incident. */
  readonly changed: Map<string, Set<keyof IncidentRow>>;
  /** Lines of their time lines, in order. */
  readonly events: EventRow[];
  readonly evidence: EvidenceRow[];
}

export interface NewLedgerLine {
  /** Epoch ms. */
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly incident: string | null;
  readonly data: unknown;
}

const gathered = new WeakMap<Reader, Gathered>();

export function gather(tx: Writer, chain: Chain): Gathered {
  const nothing: Gathered = {
    chain,
    ledger: [],
    incidents: new Map(),
    changed: new Map(),
    events: [],
    evidence: [],
  };
  gathered.set(tx, nothing);
  return nothing;
}

/** @throws TypeError for a transaction that `write` has not begun: its lines could not be chained */
export function gatheredIn(tx: Writer): Gathered {
  const found = gathered.get(tx);
  if (!found) throw new TypeError('this transaction was not begun by the store');
  return found;
}

/** The same where it may be no transaction, but the store itself. */
export function gatheredBy(db: Reader): Gathered | undefined {
  return gathered.get(db);
}
