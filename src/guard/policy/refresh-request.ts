/**
 * Recognizes a token refresh (RFC 6749, 6) in a form that a client posts, and says which refreshes are
 * the same. Whatever is not exactly such a form is none: the authorization server answers it in its own
 * words.
 */

/** A form longer than this is no refresh. */
export const MAX_REFRESH_BYTES = 64 * 1024;

/** What a client sent, as far as it decides what the answer is and who may have it. */
export interface FormRequest {
  /** Path and query. */
  readonly target: string;
  readonly contentType: string;
  readonly body: Buffer;
  /** Headers that identify the client or its origin, in a fixed order; '' where there is none. */
  readonly identity: readonly string[];
}

export interface RefreshRequest {
  readonly refreshToken: string;
  /**
   * All but the refresh token: equal, with equal refresh tokens, for two requests whose answer may be shared (the
   * same client with the same proof, and the same of everything else). Null when nothing names a client.
   */
  readonly rest: readonly string[] | null;
}

/** RFC 8707 and RFC 8693 let these stand several times; any other parameter may not (RFC 6749, 3.2). */
const REPEATABLE = new Set(['resource', 'audience']);
const MAX_PARAMETERS = 100;

/** The refresh that a form asks for, or null. */
export function readRefresh({ target, contentType, body, identity }: FormRequest): RefreshRequest | null {
  if (body.length === 0 || body.length > MAX_REFRESH_BYTES || !isForm(contentType)) return null;
  const parameters = readForm(body.toString('latin1'));
  if (parameters?.get('grant_type')?.[0] !== 'refresh_token') return null;
  const refreshToken = parameters.get('refresh_token')?.[0] ?? '';
  if (refreshToken === '') return null;
  const named = parameters.has('client_id') || parameters.has('client_assertion') || identity.some(Boolean);
  parameters.delete('refresh_token');
  const sorted = [...parameters].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { refreshToken, rest: named ? [target, ...identity, JSON.stringify(sorted)] : null };
}

/** Only UTF-8, which RFC 6749 (appendix B) requires, or no charset at all. */
function isForm(contentType: string): boolean {
  const [type, ...parameters] = contentType.toLowerCase().split(';');
  if (type!.trim() !== 'application/x-www-form-urlencoded') return false;
  return parameters.every((one) => {
    const text = one.trim();
    return !text.startsWith('charset=') || /^charset="?utf-?8"?$/.test(text);
  });
}

/** The values by name; null for a form that two readers could understand differently. */
function readForm(text: string): Map<string, string[]> | null {
  const parameters = new Map<string, string[]>();
  const pairs = text.split('&');
  if (pairs.length > MAX_PARAMETERS) return null;
  for (const pair of pairs) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? '' : decode(pair.slice(equals + 1));
    if (name === null || value === null) return null;
    const values = parameters.get(name);
    if (!values) parameters.set(name, [value]);
    else if (REPEATABLE.has(name)) values.push(value);
    else return null;
  }
  return parameters;
}

/** Null for a broken escape, bytes that are no UTF-8, or bytes that should have been escaped. */
function decode(text: string): string | null {
  // oxlint-disable-next-line no-control-regex
  if (/[^\x21-\x7e]/.test(text)) return null;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
}
