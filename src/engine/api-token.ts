/**
 * API tokens: `allclear_` and 256 random bits, so that secret scanners find them and nobody guesses them. The
 * store keeps a hash; the token itself is shown once, when it is made.
 */
import { randomBytes } from 'node:crypto';
import { AllclearError, newId, oneLine } from '../kernel/index.ts';
import {
  credentialHash,
  findToken,
  findTokenByHash,
  insertToken,
  markTokenRevoked,
  markTokenUsed,
  type Store,
  type TokenRecord,
} from '../store/index.ts';
import { type Actor, isRole, type Role } from './actor.ts';

const PREFIX = 'allclear_';
const FORM = /^allclear_[A-Za-z0-9_-]{43}$/;
const USE_WRITTEN_EVERY_MS = 60_000;
/** Seconds that a token is valid when nothing else is said. */
export const TOKEN_SECONDS = 90 * 86_400;
const MAX_NAME = 200;

export interface TokenWish {
  /** The person or program it stands for: two tokens of one owner are one person, also for approvals. */
  readonly owner: string;
  readonly role: Role;
  /** What it is for. */
  readonly label: string;
  /** Seconds from now; null never ends. */
  readonly seconds: number | null;
}

/**
 * Makes a token.
 * @returns the token, which cannot be had again, and what is stored about it
 * @throws `E_BAD_VALUE` for an owner or label that is empty, too long or no plain text
 */
export async function makeToken(
  store: Store,
  wish: TokenWish,
  by: string,
): Promise<{ token: string; record: TokenRecord }> {
  const owner = plainName('owner', wish.owner);
  const label = wish.label === '' ? '' : plainName('label', wish.label);
  const token = `${PREFIX}${randomBytes(32).toString('base64url')}`;
  const id = newId('tok', store);
  const at = store.now();
  const expiresAt = wish.seconds === null ? null : at + Math.round(wish.seconds * 1000);
  const record = await store.write(async (tx) => {
    const hash = credentialHash(token);
    await insertToken(tx, { id, owner, label, role: wish.role, hash, at, by, expiresAt });
    return findToken(tx, id);
  });
  return { token, record: record! };
}

/** Ends a token at once. @throws `E_NOT_FOUND`; one that was revoked before stays as it is */
export async function revokeToken(store: Store, id: string, by: string): Promise<TokenRecord> {
  return store.write(async (tx) => {
    await markTokenRevoked(tx, id, { at: store.now(), by });
    const token = await findToken(tx, id);
    if (token) return token;
    throw new AllclearError('E_NOT_FOUND', {
      what: `there is no token "${id}"`,
      next: 'List them with `allclear token list`.',
    });
  });
}

/**
 * Whom a token stands for. Its last use is written down, at most once a minute.
 * @throws `E_UNAUTHORIZED` for one that is unknown, expired or revoked
 */
export async function tokenActor(store: Store, token: string): Promise<Actor> {
  const known = FORM.test(token) ? await findTokenByHash(store.db, credentialHash(token)) : null;
  if (!known) throw refused('the token is not known here');
  const now = store.now();
  const { id, owner, role, expiresAt, revokedAt, usedAt } = known;
  if (revokedAt !== null) throw refused(`the token ${id} was revoked on ${day(revokedAt)}`);
  if (expiresAt !== null && expiresAt <= now) throw refused(`the token ${id} expired on ${day(expiresAt)}`);
  if (!isRole(role)) throw refused(`the token ${id} has a role of another version of Allclear`);
  if (usedAt === null || now - usedAt >= USE_WRITTEN_EVERY_MS) {
    // Good to know, and no reason to refuse anybody when the store is busy.
    await store.write((tx) => markTokenUsed(tx, id, now)).catch(() => {});
  }
  return { name: owner, role, via: 'token' };
}

function refused(what: string): AllclearError {
  return new AllclearError('E_UNAUTHORIZED', {
    what,
    next: 'Ask an admin for another one (`allclear token create`), and send it as `Authorization: Bearer …`.',
  });
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** Names stand in time lines, lists and terminals. */
function plainName(field: string, given: string): string {
  const name = given.trim();
  if (name !== '' && name.length <= MAX_NAME && oneLine(name, MAX_NAME) === name) return name;
  throw new AllclearError('E_BAD_VALUE', {
    what: `the ${field} of a token is 1 to ${MAX_NAME} characters on one line`,
    next: `For example: allclear token create --owner ada --role approver --label "Ada's laptop"`,
  });
}
