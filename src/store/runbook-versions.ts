import { createHash } from 'node:crypto';
import type { Reader, Writer } from './database.ts';

/** SHA-256 of a runbook's text, hex. */
export function runbookHash(source: string): string {
  return createHash('sha256').update(source).digest('hex');
}

/** Keeps the text a run begins with; the same text is kept once. */
export async function keepRunbookVersion(
  tx: Writer,
  runbook: { file: string; source: string },
  at: number,
): Promise<string> {
  const hash = runbookHash(runbook.source);
  await tx
    .insertInto('runbook_versions')
    .values({ hash, file: runbook.file, source: runbook.source, seen_at: at })
    .onConflict((conflict) => conflict.column('hash').doNothing())
    .execute();
  return hash;
}

export async function findRunbookVersion(
  db: Reader,
  hash: string,
): Promise<{ file: string; source: string } | null> {
  const row = await db
    .selectFrom('runbook_versions')
    .select(['file', 'source'])
    .where('hash', '=', hash)
    .executeTakeFirst();
  return row ? { file: row.file, source: row.source } : null;
}
