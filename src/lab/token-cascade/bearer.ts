import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { z } from 'zod';

const keysSchema = z.object({
  keys: z.array(z.looseObject({ kid: z.string().optional(), kty: z.string() })),
});
const headerSchema = z.object({ alg: z.literal('RS256'), kid: z.string().optional() });
const claimsSchema = z.object({ iss: z.string(), aud: z.string(), exp: z.number(), sub: z.string() });

/** What an access token must say to be taken. */
export interface Expected {
  readonly issuer: string;
  readonly audience: string;
  readonly keys: ReadonlyMap<string, KeyObject>;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Why a request is turned away; null when it may pass. The words are those of RFC 6750, 3.1. */
export type Refusal = 'missing' | 'malformed' | 'wrong signature' | 'not for this server' | 'expired' | null;

/** Whether the `Authorization` header holds an access token (JWT, RFC 9068) that is good here and now. */
export function refusalOf(authorization: string | undefined, expected: Expected): Refusal {
  const token = /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/i.exec(authorization ?? '');
  if (!token) return authorization === undefined ? 'missing' : 'malformed';
  const [, head = '', body = '', signature = ''] = token;
  const header = headerSchema.safeParse(decode(head));
  const claims = claimsSchema.safeParse(decode(body));
  if (!header.success || !claims.success) return 'malformed';
  const key = expected.keys.get(header.data.kid ?? '');
  const signed = Buffer.from(`${head}.${body}`);
  if (!key || !verify('sha256', signed, key, Buffer.from(signature, 'base64url'))) return 'wrong signature';
  if (claims.data.iss !== expected.issuer || claims.data.aud !== expected.audience)
    return 'not for this server';
  return claims.data.exp * 1000 <= expected.now ? 'expired' : null;
}

/** The public keys of a JWK set by their `kid`. */
export function keysOf(jwks: unknown): ReadonlyMap<string, KeyObject> {
  const { keys } = keysSchema.parse(jwks);
  return new Map(keys.map((key) => [key.kid ?? '', createPublicKey({ key, format: 'jwk' })]));
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
