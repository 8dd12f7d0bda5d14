import { generateKeyPairSync, sign } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Expected, keysOf, refusalOf } from './bearer.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const keys = keysOf({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }] });
const claims = { iss: 'http://issuer', aud: 'http://server/mcp', exp: 1000, sub: 'somebody' };
const expected: Expected = { issuer: claims.iss, audience: claims.aud, keys, now: 999_999 };

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function token(payload: object, header: object = { alg: 'RS256', kid: 'k1' }): string {
  const signed = `${encode(header)}.${encode(payload)}`;
  return `Bearer ${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
}

describe('a bearer token', () => {
  it('is taken until the second in which it expires', () => {
    expect(refusalOf(token(claims), expected)).toBeNull();
    expect(refusalOf(token(claims), { ...expected, now: 1_000_000 })).toBe('expired');
  });

  it('is taken under any spelling of the scheme', () => {
    expect(refusalOf(token(claims).replace('Bearer', 'bearer'), expected)).toBeNull();
  });

  it.each([
    ['missing', undefined],
    ['malformed', ''],
    ['malformed', 'Basic dXNlcjpwYXNz'],
    ['malformed', 'Bearer one.two'],
    ['malformed', token({ ...claims, exp: 'tomorrow' })],
    ['malformed', token(claims, { alg: 'none' })],
    ['wrong signature', token(claims, { alg: 'RS256', kid: 'unknown' })],
    [
      'wrong signature',
      token(claims).replace(/\.[^.]+\./, `.${encode({ ...claims, sub: 'somebody else' })}.`),
    ],
    ['not for this server', token({ ...claims, iss: 'http://another' })],
    ['not for this server', token({ ...claims, aud: 'http://another/mcp' })],
  ])('is refused as %s: %s', (why, authorization) => {
    expect(refusalOf(authorization, expected)).toBe(why);
  });

  it('is refused without an error whatever it holds', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 4 }), (parts) => {
        const made = parts.map((part) => Buffer.from(part).toString('base64url')).join('.');
        expect(refusalOf(`Bearer ${made}`, expected)).not.toBeNull();
      }),
    );
  });
});
