import type { Selectable } from 'kysely';
import type { Reader, Writer } from './database.ts';
import { fromJson, toJson } from './json.ts';
import { appendLedger } from './ledger.ts';
import type { LoginTable } from './schema.ts';

/** A log-in, on the way or open. Known by the hash of a cookie's value; times are epoch ms. */
export interface LoginRecord {
  /** See `credentialHash`. */
  readonly hash: string;
  /** `pending`: on the way to the identity provider; `open`: signed in. */
  readonly kind: 'pending' | 'open';
  /** Null while pending. */
  readonly owner: string | null;
  /** The engine's to validate; null while pending. */
  readonly role: string | null;
  /** Its maker's to validate. */
  readonly data: unknown;
  readonly madeAt: number;
  readonly expiresAt: number;
}

export async function insertLogin(tx: Writer, login: LoginRecord): Promise<void> {
  await tx
    .insertInto('logins')
    .values({
      hash: login.hash,
      kind: login.kind,
      owner: login.owner,
      role: login.role,
      data: toJson(login.data),
      made_at: login.madeAt,
      expires_at: login.expiresAt,
    })
    .execute();
  const { kind, owner, role, madeAt } = login;
  if (kind !== 'open') return;
  appendLedger(tx, { at: madeAt, actor: owner ?? '', kind: 'login', incident: null, data: { role } });
}

export async function findLogin(db: Reader, hash: string): Promise<LoginRecord | null> {
  const row = await db.selectFrom('logins').selectAll().where('hash', '=', hash).executeTakeFirst();
  return row ? toRecord(row) : null;
}

/** Takes a log-in out: of two that try, one gets it. */
export async function takeLogin(
  tx: Writer,
  hash: string,
  kind: LoginRecord['kind'],
): Promise<LoginRecord | null> {
  const row = await tx
    .deleteFrom('logins')
    .where('hash', '=', hash)
    .where('kind', '=', kind)
    .returningAll()
    .executeTakeFirst();
  return row ? toRecord(row) : null;
}

export async function extendLogin(tx: Writer, hash: string, expiresAt: number): Promise<void> {
  await tx.updateTable('logins').set({ expires_at: expiresAt }).where('hash', '=', hash).execute();
}

/** Forgets what has ended. */
export async function removeExpiredLogins(tx: Writer, now: number): Promise<void> {
  await tx.deleteFrom('logins').where('expires_at', '<=', now).execute();
}

export async function countLogins(db: Reader, kind: LoginRecord['kind']): Promise<number> {
  const { count } = await db
    .selectFrom('logins')
    .select((select) => select.fn.countAll().as('count'))
    .where('kind', '=', kind)
    .executeTakeFirstOrThrow();
  return Number(count);
}

function toRecord(row: Selectable<LoginTable>): LoginRecord {
  return {
    hash: row.hash,
    kind: row.kind === 'open' ? 'open' : 'pending',
    owner: row.owner,
    role: row.role,
    data: fromJson(row.data),
    madeAt: row.made_at,
    expiresAt: row.expires_at,
  };
}
