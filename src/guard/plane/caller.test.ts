import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { callerOf } from './caller.ts';

const hash = (text: string) => `hash of ${text.length}`;
const from = (headers: Record<string, string>, session = '') =>
  callerOf({ headers, socket: { remoteAddress: '10.0.0.1' } } as unknown as IncomingMessage, session, hash);

describe('callerOf', () => {
  it('prefers the session, then a credential that it does not keep, then the address', () => {
    const secret = { authorization: 'Bearer secret', 'x-forwarded-for': '1.2.3.4' };
    expect(from(secret, 'abc')).toEqual({ key: 'session abc', shared: false });
    expect(from(secret)).toEqual({ key: 'credential hash of 13', shared: false });
    expect(from({ 'x-api-key': 'secret' })).toEqual({ key: 'credential hash of 6', shared: false });
    expect(from({ 'x-forwarded-for': '1.2.3.4' })).toEqual({ key: 'address 1.2.3.4', shared: true });
    expect(from({})).toEqual({ key: 'address 10.0.0.1', shared: true });
  });
});
