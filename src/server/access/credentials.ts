/** What a request brings along to say who it is. */

export type Credential =
  | { readonly kind: 'bearer'; readonly value: string }
  | { readonly kind: 'basic'; readonly user: string; readonly password: string };

/** Longer ones are none of ours, and are not hashed. */
const MAX_HEADER = 4_096;

/** The `Authorization` header; null when there is none, or one of no known form. */
export function readAuthorization(header: string | undefined): Credential | null {
  const [, scheme, value] = /^(bearer|basic) +(\S+) *$/i.exec((header ?? '').slice(0, MAX_HEADER)) ?? [];
  if (scheme === undefined || value === undefined) return null;
  return scheme.toLowerCase() === 'bearer' ? { kind: 'bearer', value } : readBasic(value);
}

function readBasic(value: string): Credential | null {
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? null : { kind: 'basic', user: text.slice(0, colon), password: text.slice(colon + 1) };
}
