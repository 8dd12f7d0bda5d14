/** A log-in from its beginning to the open session; what is on the way is bound to one browser, and holds once. */
import { z } from 'zod';
import { AllclearError } from '../../kernel/index.ts';
import {
  countLogins,
  credentialHash,
  insertLogin,
  removeExpiredLogins,
  type Store,
  takeLogin,
} from '../../store/index.ts';
import type { IdentityProvider } from './identity-provider.ts';
import type { OidcConfig } from './oidc-config.ts';
import { personOf } from './person.ts';
import { isCookieValue, openSession, type Person, randomCookie, type SessionTimes } from './sessions.ts';

/** Between leaving for the identity provider and coming back. */
const PENDING_MS = 10 * 60_000;
/** Log-ins on the way; anybody can begin one. */
const MAX_PENDING = 10_000;

const pendingData = z.object({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  redirectUri: z.string(),
  returnTo: z.string(),
});

export interface LogInOptions {
  readonly store: Store;
  readonly provider: IdentityProvider;
  readonly config: OidcConfig;
  readonly session: SessionTimes;
}

/**
 * @returns where the browser goes, and the cookie that it comes back with
 * @throws `E_UNREACHABLE`, `E_OVERLOADED` when too many are on the way
 */
export async function beginLogIn(
  { store, provider }: LogInOptions,
  redirectUri: string,
  returnTo: string,
): Promise<{ url: string; cookie: string }> {
  const { url, checks } = await provider.begin(redirectUri);
  const cookie = randomCookie();
  const now = store.now();
  await store.write(async (tx) => {
    await removeExpiredLogins(tx, now);
    if ((await countLogins(tx, 'pending')) >= MAX_PENDING)
      throw new AllclearError('E_OVERLOADED', {
        what: 'too many log-ins are on the way',
        next: 'Try again in ten minutes. Tokens still work meanwhile.',
      });
    await insertLogin(tx, {
      hash: credentialHash(cookie),
      kind: 'pending',
      owner: null,
      role: null,
      data: { ...checks, returnTo },
      madeAt: now,
      expiresAt: now + PENDING_MS,
    });
  });
  return { url, cookie };
}

/**
 * @param cookie that `beginLogIn` gave this browser
 * @param search of the address it came back to
 * @param previous the cookie of a session that this one replaces
 * @throws `E_LOGIN`, `E_UNREACHABLE`
 */
export async function completeLogIn(
  { store, provider, config, session }: LogInOptions,
  { cookie, search, previous }: { cookie: string; search: string; previous: string | undefined },
): Promise<{ session: string; person: Person; returnTo: string }> {
  const pending = await takePending(store, cookie);
  const claims = await provider.complete(search, pending);
  const person = personOf(claims, config);
  const opened = await openSession(store, person, session, previous);
  return { session: opened, person, returnTo: pending.returnTo };
}

/** It is gone before the provider is asked: an answer that is sent again finds nothing. */
async function takePending(store: Store, cookie: string): Promise<z.infer<typeof pendingData>> {
  const taken = isCookieValue(cookie)
    ? await store.write((tx) => takeLogin(tx, credentialHash(cookie), 'pending'))
    : null;
  if (taken && taken.expiresAt > store.now()) return pendingData.parse(taken.data);
  throw new AllclearError('E_LOGIN', {
    what: 'this log-in was not begun in this browser, is over, or took longer than ten minutes',
    next: 'Begin again at /login.',
  });
}
