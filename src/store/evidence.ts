import type { Reader, Writer } from './database.ts';
import { fromJson, toJson } from './json.ts';
import { type Columns, insertRows } from './row-set.ts';
import type { EvidenceRow } from './schema.ts';
import { type Gathered, gatheredIn } from './transaction.ts';

/** One fact about whether a runbook works: the raw material of freshness. */
export interface Evidence {
  readonly id: string;
  /** The runbook's id. */
  readonly runbook: string;
  /** What it is about: `check:NAME`, `step:N`, `verdict` or `verify`. */
  readonly subject: string;
  /** `worked`, `failed`, `broken` (the runbook itself is wrong there) … */
  readonly kind: string;
  /** Epoch ms. */
  readonly at: number;
  readonly incident: string | null;
  readonly data: unknown;
}

const COLUMNS: Columns<EvidenceRow> = {
  id: 'text',
  runbook: 'text',
  subject: 'text',
  kind: 'text',
  at: 'bigint',
  incident: 'text',
  data: 'text',
};

/** It is written when the transaction ends. */
export function insertEvidence(tx: Writer, ...evidence: readonly Evidence[]): void {
  gatheredIn(tx).evidence.push(...evidence.map((one) => ({ ...one, data: toJson(one.data) })));
}

/** Writes what the transaction has gathered. */
export async function writeEvidence(tx: Writer, { evidence }: Gathered): Promise<void> {
  await insertRows(tx, 'evidence', COLUMNS, evidence);
  evidence.length = 0;
}

/** Newest first. */
export async function listEvidence(db: Reader, runbook: string, limit = 1_000): Promise<Evidence[]> {
  const rows = await db
    .selectFrom('evidence')
    .selectAll()
    .where('runbook', '=', runbook)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({ ...row, data: fromJson(row.data) }));
}
