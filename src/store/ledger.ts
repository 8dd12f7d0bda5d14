/**
 * The ledger: one chain over the whole store. It tells which incidents were opened and how the time lines of those that
 * are over ended, so that the deletion of a whole incident shows, and who was given access.
 */
import { AllclearError } from '../kernel/index.ts';
import { forUpdate, type Reader, type Writer } from './database.ts';
import { fromJson, toJson } from './json.ts';
import { type Columns, insertRows } from './row-set.ts';
import type { LedgerRow } from './schema.ts';
import { storable } from './storable.ts';
import { type Gathered, gatheredIn, type NewLedgerLine } from './transaction.ts';

/** Key in `meta`: number and hash of the ledger's last line. */
const HEAD = 'ledger-head';

const COLUMNS: Columns<LedgerRow> = {
  n: 'integer',
  at: 'bigint',
  actor: 'text',
  kind: 'text',
  incident: 'text',
  data: 'text',
  prev_hash: 'text',
  hash: 'text',
};

export interface LedgerHead {
  readonly n: number;
  readonly hash: string;
}

/**
 * Adds a line to the ledger, in the caller's transaction. It is written when the transaction ends, whatever comes
 * after; its kind is one of `incident-opened`, `incident-closed`, `head`, `audit-key`, `token-made`, `token-revoked`, `login`,
 * `store-imported`.
 */
export function appendLedger(tx: Writer, line: NewLedgerLine): void {
  gatheredIn(tx).ledger.push(line);
}

/** Writes the lines that the transaction has gathered. Transactions that have some wait for each other here. */
export async function writeLedger(tx: Writer, { chain, ledger, incidents }: Gathered): Promise<void> {
  if (ledger.length === 0) return;
  const rows: LedgerRow[] = [];
  let head = await lockLedgerHead(tx);
  for (const line of ledger.map((one) => withHead(one, incidents))) {
    const row = {
      n: head.n + 1,
      at: line.at,
      actor: storable(line.actor),
      kind: line.kind,
      incident: line.incident,
      data: toJson(line.data),
      prev_hash: head.hash,
    };
    head = { n: row.n, hash: chain.hash(ledgerLine(row)) };
    rows.push({ ...row, hash: head.hash });
  }
  await insertRows(tx, 'ledger', COLUMNS, rows);
  const value = toJson(head);
  await tx.updateTable('meta').set({ value }).where('key', '=', HEAD).execute();
}

/** Everything a line says, in the order in which it is hashed. */
export function ledgerLine(row: Omit<LedgerRow, 'hash'>): unknown[] {
  return [row.prev_hash, 'ledger', row.n, row.at, row.actor, row.kind, row.incident, row.data];
}

/** Where the ledger ends, as the store says it. */
export async function ledgerHead(db: Reader): Promise<LedgerHead> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', HEAD).executeTakeFirst();
  return readHead(row?.value);
}

async function lockLedgerHead(tx: Writer): Promise<LedgerHead> {
  const query = tx.selectFrom('meta').select('value').where('key', '=', HEAD);
  const row = await forUpdate(tx, query).executeTakeFirst();
  return readHead(row?.value);
}

function readHead(value: string | undefined): LedgerHead {
  const head = value === undefined ? null : (fromJson(value) as Partial<LedgerHead> | null);
  if (typeof head?.n === 'number' && typeof head.hash === 'string') return { n: head.n, hash: head.hash };
  throw new AllclearError('E_STORE_UNUSABLE', {
    what: 'the end of the ledger is not written down any more: somebody has changed the store by hand',
    next: 'Look at it with `allclear incidents verify-audit`, and restore it from a backup.',
  });
}

/** An incident that is over is told with the end of its time line, as this transaction leaves it. */
function withHead(line: NewLedgerLine, held: Gathered['incidents']): NewLedgerLine {
  if (line.kind !== 'incident-closed' || line.incident === null) return line;
  const { state, seq, head_hash: hash } = held.get(line.incident)!;
  return { ...line, data: { state, seq, hash } };
}
