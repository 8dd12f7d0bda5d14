import type { Reader, Writer } from './database.ts';
import { fromJson, toJson } from './json.ts';

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

export async function insertEvidence(tx: Writer, ...evidence: readonly Evidence[]): Promise<void> {
  if (evidence.length === 0) return;
  const rows = evidence.map((one) => ({ ...one, data: toJson(one.data) }));
  await tx.insertInto('evidence').values(rows).execute();
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
