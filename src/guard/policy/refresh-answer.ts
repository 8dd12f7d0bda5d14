/**
 * What an authorization server's answer to a refresh means, and whether clients can be trusted with it.
 *
 * Client libraries take an answer without an OAuth error in it, or with one they do not know, for a broken
 * server and send the user to log in again: seen in both lines of the official SDK. A server that is merely
 * busy must not do that to everybody at once, so such answers are put in OAuth's own words.
 */

export const refreshOutcomes = [
  'ok',
  'invalid_grant',
  'throttled',
  'error',
  'rejected',
  'abandoned',
] as const;
/**
 * How a refresh ended for the client that asked. `ok`: it has new tokens. `invalid_grant`: the refresh token is
 * dead. `throttled`: the server said "too many". `error`: any other error, or no answer. `rejected`: the guard refused
 * it. `abandoned`: its client left first.
 */
export type RefreshOutcome = (typeof refreshOutcomes)[number];

export interface RefreshVerdict {
  readonly outcome: RefreshOutcome;
  /** False: the client is to be told in OAuth's words instead. */
  readonly pass: boolean;
  /** What the new access token is and for how many seconds it holds, where the answer says so. */
  readonly issued: { readonly accessToken: string; readonly seconds: number } | null;
  /** The refresh token that the answer brings, or ''. */
  readonly refreshToken: string;
}

/** Errors that every client understands as "later", and none as "log in again". */
const LATER = new Set(['temporarily_unavailable', 'too_many_requests']);

const NOTHING_NEW = { issued: null, refreshToken: '' };

/** @param body null when it cannot be read (encoded) */
export function judgeRefresh(status: number, body: string | null): RefreshVerdict {
  const json = body === null ? null : parseObject(body);
  const error = typeof json?.['error'] === 'string' ? json['error'] : '';
  if (status === 429 || status === 408 || status >= 500)
    return { outcome: status === 429 ? 'throttled' : 'error', pass: LATER.has(error), ...NOTHING_NEW };
  if (status >= 300)
    return { outcome: error === 'invalid_grant' ? error : 'error', pass: true, ...NOTHING_NEW };
  if (body === null) return { outcome: 'ok', pass: true, ...NOTHING_NEW };
  const accessToken = json?.['access_token'];
  if (typeof accessToken !== 'string' || accessToken === '')
    // Some servers answer 200 with an OAuth error: clients read it. Anything else is a page, not an answer.
    return { outcome: error === 'invalid_grant' ? error : 'error', pass: error !== '', ...NOTHING_NEW };
  // Some servers write the number as a text.
  const seconds = Number(json?.['expires_in'] ?? Number.NaN);
  const known = Number.isFinite(seconds) && seconds > 0;
  const refreshToken = json?.['refresh_token'];
  return {
    outcome: 'ok',
    pass: true,
    issued: known ? { accessToken, seconds } : null,
    refreshToken: typeof refreshToken === 'string' ? refreshToken : '',
  };
}

/** The access token that a good token answer of any grant issues, with its lifetime. */
export function issuedBy(body: string): RefreshVerdict['issued'] {
  return judgeRefresh(200, body).issued;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
