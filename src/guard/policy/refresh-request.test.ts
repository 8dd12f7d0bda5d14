import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_REFRESH_BYTES, type RefreshRequest, readRefresh } from './refresh-request.ts';

const FORM = 'application/x-www-form-urlencoded';
const read = (
  body: string,
  { identity = [''], contentType = FORM, target = '/token' } = {},
): RefreshRequest | null => readRefresh({ target, contentType, identity, body: Buffer.from(body) });
const GOOD = 'grant_type=refresh_token&refresh_token=r1&client_id=c';

const resources = (list: string) => read(`${GOOD}&${list}`)?.rest;
const rest = (options: object) => read(GOOD, options)?.rest;
const encode = (refreshToken: string, more: readonly (readonly [string, string])[]): string => {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: 'c',
  });
  for (const [key, value] of more) form.append(key, value);
  return form.toString();
};

describe('readRefresh', () => {
  it('finds the refresh token, escaped or not', () => {
    expect(read(GOOD)?.refreshToken).toBe('r1');
    expect(read('grant%5Ftype=refresh%5ftoken&refresh_token=a%2Bb+c%C3%A4')?.refreshToken).toBe('a+b cä');
  });

  it.each([
    ['another grant', 'grant_type=authorization_code&code=x&client_id=c'],
    ['no refresh token', 'grant_type=refresh_token&client_id=c'],
    ['an empty refresh token', 'grant_type=refresh_token&refresh_token=&client_id=c'],
    ['a doubled refresh token', `${GOOD}&refresh_token=r2`],
    ['a doubled grant type', `${GOOD}&grant_type=authorization_code`],
    ['a doubled client', `${GOOD}&client_id=d`],
    ['a doubled scope', `${GOOD}&scope=a&scope=b`],
    ['a doubled name in an escape', `${GOOD}&refresh%5Ftoken=r2`],
    ['a broken escape', `${GOOD}&scope=%zz`],
    ['a cut escape', `${GOOD}&scope=%4`],
    ['bytes that are no UTF-8', `${GOOD}&scope=%ff`],
    ['bytes that should be escaped', `${GOOD}&scope=ä`],
    ['a line break', `${GOOD}\r\n`],
    ['JSON', '{"grant_type":"refresh_token","refresh_token":"r1"}'],
    ['nothing', ''],
    ['too many parameters', `${GOOD}${'&a=b'.repeat(200)}`],
    ['too much', `${GOOD}&scope=${'x'.repeat(MAX_REFRESH_BYTES)}`],
  ])('leaves %s to the authorization server', (_, body) => {
    expect(read(body)).toBeNull();
  });

  it.each([
    [FORM, true],
    ['Application/X-WWW-Form-URLencoded', true],
    [`${FORM}; charset=UTF-8`, true],
    [`${FORM};charset="utf-8"`, true],
    [`${FORM}; charset=iso-8859-1`, false],
    [`${FORM}; charset=utf-16`, false],
    ['application/x-www-form-urlencodedx', false],
    ['multipart/form-data; boundary=x', false],
    ['text/plain', false],
    ['', false],
  ])('reads a body of the type %j: %s', (contentType, expected) => {
    expect(read(GOOD, { contentType }) !== null).toBe(expected);
  });

  it('takes the order of parameters, and how they are escaped, as nothing', () => {
    const other = read('client_id=c&refresh_token=r1&grant%5ftype=refresh_token');
    expect(read(GOOD)).toEqual(other);
  });

  it('takes several resources (RFC 8707) and their order as part of the request', () => {
    expect(resources('resource=a&resource=b')).toBeTruthy();
    expect(resources('resource=a&resource=b')).not.toEqual(resources('resource=a'));
    expect(resources('resource=a&resource=b')).not.toEqual(resources('resource=b&resource=a'));
  });

  it.each([
    ['scope', `${GOOD}&scope=a`],
    ['client', GOOD.replace('client_id=c', 'client_id=d')],
    ['secret', `${GOOD}&client_secret=s`],
    ['assertion', `${GOOD}&client_assertion=s`],
    ['anything else', `${GOOD}&x=`],
  ])('tells requests apart by %s', (_, body) => {
    expect(read(body)?.rest).not.toEqual(read(GOOD)?.rest);
  });

  it('tells requests apart by their headers of identity and by their address', () => {
    expect(rest({ identity: ['Basic a'] })).not.toEqual(rest({ identity: ['Basic b'] }));
    expect(rest({ identity: ['a', ''] })).not.toEqual(rest({ identity: ['', 'a'] }));
    expect(rest({ target: '/a/token' })).not.toEqual(rest({ target: '/b/token' }));
  });

  it('shares nothing where no client is named', () => {
    const nameless = 'grant_type=refresh_token&refresh_token=r1';
    expect(read(nameless)?.rest).toBeNull();
    expect(read(nameless, { identity: ['Basic a'] })?.rest).not.toBeNull();
  });

  it('never mixes two different forms up, and reads back what a client wrote', () => {
    const name = fc.constantFrom('scope', 'client_secret', 'x', '__proto__', 'constructor');
    const extra = fc.uniqueArray(fc.tuple(name, fc.string({ unit: 'grapheme' })), {
      selector: ([key]) => key,
    });
    const token = fc.string({ minLength: 1, unit: 'grapheme' });
    fc.assert(
      fc.property(token, extra, extra, (refreshToken, one, other) => {
        const a = read(encode(refreshToken, one));
        const b = read(encode(refreshToken, other));
        expect(a?.refreshToken).toBe(refreshToken);
        const plain = (list: typeof one) => JSON.stringify(list.toSorted(([x], [y]) => (x < y ? -1 : 1)));
        expect(JSON.stringify(a?.rest) === JSON.stringify(b?.rest)).toBe(plain(one) === plain(other));
      }),
    );
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const body = Buffer.concat([Buffer.from(`${GOOD}&`), bytes]);
        const found = readRefresh({ target: '/', contentType: FORM, identity: [], body });
        expect(found === null || found.refreshToken === 'r1').toBe(true);
      }),
    );
  });
});
