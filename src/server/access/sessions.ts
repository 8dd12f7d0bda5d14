/** Open log-ins: a random cookie in the browser, its hash in the store, an absolute and an idle end. */
import { randomBytes } from 'node:crypto';
import { type Actor, isRole, type Role } from '../../engine/index.ts';
import {
  credentialHash,
  extendLogin,
  findLogin,
  insertLogin,
  removeExpiredLogins,
  type Store,
  takeLogin,
} from '../../store/index.ts';

export interface SessionTimes {
  /** Seconds after which a person logs in again, whatever happens. */
  readonly absoluteSeconds: number;
  /** Seconds without a request after which it ends. */
  readonly idleSeconds: number;
}

export const DEFAULT_SESSION: SessionTimes = { absoluteSeconds: 12 * 3600, idleSeconds: 2 * 3600 };

/** An end is moved on at most this often, so that reading does not mean writing. */
const EXTENDED_EVERY_MS = 60_000;

/** Who has logged in, as the identity provider says. */
export interface Person {
  readonly name: string;
  readonly role: Role;
  readonly issuer: string;
  readonly subject: string;
}

/** A value for a cookie: 256 random bits. */
export function randomCookie(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * Opens a log-in, always under a new value: whatever was in the browser before opens nothing.
 * @param previous the cookie of one that it replaces, and that ends with it
 * @returns the cookie's value
 */
export async function openSession(
  store: Store,
  person: Person,
  times: SessionTimes,
  previous?: string,
): Promise<string> {
  const value = randomCookie();
  const now = store.now();
  await store.write(async (tx) => {
    await removeExpiredLogins(tx, now);
    if (previous !== undefined && isCookieValue(previous))
      await takeLogin(tx, credentialHash(previous), 'open');
    await insertLogin(tx, {
      hash: credentialHash(value),
      kind: 'open',
      owner: person.name,
      role: person.role,
      data: { issuer: person.issuer, subject: person.subject },
      madeAt: now,
      expiresAt: end(now, now, times),
    });
  });
  return value;
}

/** Whom the cookie stands for; null when the log-in has ended, or never was. */
export async function sessionActor(store: Store, value: string, times: SessionTimes): Promise<Actor | null> {
  if (!isCookieValue(value)) return null;
  const login = await findLogin(store.db, credentialHash(value));
  const now = store.now();
  if (login?.kind !== 'open' || login.expiresAt <= now) return null;
  const { owner, role, hash, madeAt, expiresAt } = login;
  if (owner === null || role === null || !isRole(role)) return null;
  const later = end(madeAt, now, times);
  if (later - expiresAt >= EXTENDED_EVERY_MS) {
    // A busy store is no reason to refuse anybody: the next request moves the end on.
    await store.write((tx) => extendLogin(tx, hash, later)).catch(() => {});
  }
  return { name: owner, role, via: 'login' };
}

/** Ends a log-in at once. */
export async function endSession(store: Store, value: string): Promise<void> {
  if (isCookieValue(value)) await store.write((tx) => takeLogin(tx, credentialHash(value), 'open'));
}

export function isCookieValue(value: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(value);
}

function end(madeAt: number, now: number, { absoluteSeconds, idleSeconds }: SessionTimes): number {
  return Math.min(madeAt + absoluteSeconds * 1000, now + idleSeconds * 1000);
}
