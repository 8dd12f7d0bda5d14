import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { Reader, Writer } from './database.ts';
import { appendLedger } from './ledger.ts';
import type { TokenTable } from './schema.ts';

/** An API token as stored: everything about it but the token. Times are epoch ms. */
export interface TokenRecord {
  readonly id: string;
  /** The person or program it stands for. */
  readonly owner: string;
  readonly label: string;
  /** The engine's to validate. */
  readonly role: string;
  readonly madeAt: number;
  readonly madeBy: string;
  /** Null: it never ends. */
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  readonly revokedBy: string | null;
  /** When it was last used, to the minute. */
  readonly usedAt: number | null;
}

export interface NewToken {
  readonly id: string;
  readonly owner: string;
  readonly label: string;
  readonly role: string;
  /** See `credentialHash`. */
  readonly hash: string;
  readonly at: number;
  readonly by: string;
  readonly expiresAt: number | null;
}

/** Most tokens that one answer lists. */
const MAX_LISTED = 1_000;

/**
 * SHA-256, hex, of a credential with at least 128 random bits. Nothing slower is needed for these, and
 * looking a hash up tells by its time nothing about the credential.
 */
export function credentialHash(credential: string): string {
  return createHash('sha256').update(credential).digest('hex');
}

export async function insertToken(tx: Writer, token: NewToken): Promise<void> {
  await tx
    .insertInto('tokens')
    .values({
      id: token.id,
      owner: token.owner,
      label: token.label,
      role: token.role,
      hash: token.hash,
      made_at: token.at,
      made_by: token.by,
      expires_at: token.expiresAt,
      revoked_at: null,
      revoked_by: null,
      used_at: null,
    })
    .execute();
  const { id, owner, label, role, at, by, expiresAt } = token;
  const data = { id, owner, label, role, expiresAt };
  appendLedger(tx, { at, actor: by, kind: 'token-made', incident: null, data });
}

export async function findTokenByHash(db: Reader, hash: string): Promise<TokenRecord | null> {
  const row = await db.selectFrom('tokens').selectAll().where('hash', '=', hash).executeTakeFirst();
  return row ? toRecord(row) : null;
}

/** Newest first. */
export async function listTokens(db: Reader): Promise<TokenRecord[]> {
  const rows = await db
    .selectFrom('tokens')
    .selectAll()
    .orderBy('made_at', 'desc')
    .orderBy('id', 'desc')
    .limit(MAX_LISTED)
    .execute();
  return rows.map(toRecord);
}

export async function findToken(db: Reader, id: string): Promise<TokenRecord | null> {
  const row = await db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
  return row ? toRecord(row) : null;
}

/** Ends a token from now on. @returns false when there is none, or it was revoked before */
export async function markTokenRevoked(
  tx: Writer,
  id: string,
  change: { at: number; by: string },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('tokens')
    .set({ revoked_at: change.at, revoked_by: change.by })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  const { at, by } = change;
  appendLedger(tx, { at, actor: by, kind: 'token-revoked', incident: null, data: { id } });
  return true;
}

export async function markTokenUsed(tx: Writer, id: string, at: number): Promise<void> {
  await tx.updateTable('tokens').set({ used_at: at }).where('id', '=', id).execute();
}

function toRecord(row: Selectable<TokenTable>): TokenRecord {
  return {
    id: row.id,
    owner: row.owner,
    label: row.label,
    role: row.role,
    madeAt: row.made_at,
    madeBy: row.made_by,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    revokedBy: row.revoked_by,
    usedAt: row.used_at,
  };
}
