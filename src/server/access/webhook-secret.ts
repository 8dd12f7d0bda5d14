/** The secret that Alertmanager sends: `authorization.credentials`, or the password of `basic_auth`. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Credential } from './credentials.ts';

export interface WebhookSecret {
  readonly secret: string;
  /** The user of basic auth; null takes any. */
  readonly user: string | null;
}

/** Takes the same time whatever was sent. */
export function isWebhookSecret(given: Credential, { secret, user }: WebhookSecret): boolean {
  if (given.kind === 'bearer') return same(given.value, secret);
  const userFits = user === null || same(given.user, user);
  return same(given.password, secret) && userFits;
}

/** Hashes have one length. */
function same(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}
