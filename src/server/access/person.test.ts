import { describe, expect, it } from 'vitest';
import { oidcConfig } from './oidc-config.ts';
import { personOf } from './person.ts';

const config = (changes: object = {}) =>
  oidcConfig.parse({ issuer: 'https://id.example', 'client-id': 'x', ...changes });
const map = { sre: 'approver', oncall: 'responder', lead: 'admin' };
const person = (claims: object, changes: object = {}) =>
  personOf({ iss: 'https://id.example', sub: '42', ...claims }, config(changes));

describe('the name', () => {
  it.each([
    [{ email: 'ada@example.org' }, 'ada@example.org'],
    [{ email: 'ada@example.org', email_verified: true, preferred_username: 'ada' }, 'ada@example.org'],
    [{ email: 'boss@example.org', email_verified: false, preferred_username: 'eve' }, 'eve'],
    [{ email: '', preferred_username: ' ' }, '42'],
    [{ email: ['a@b'], preferred_username: { a: 1 } }, '42'],
    [{ preferred_username: 'eve\u001b[2J\nada' }, 'eve ada'],
  ])('of %j is %s', (claims, name) => expect(person(claims).name).toBe(name));

  it('is the configured claim, or nobody comes in', () => {
    const changes = { 'name-claim': 'upn' };
    expect(person({ upn: 'ada', email: 'x@y' }, changes).name).toBe('ada');
    expect(() => person({ email: 'x@y' }, changes)).toThrow(expect.objectContaining({ code: 'E_LOGIN' }));
    expect(() => person({ upn: '\u202e\u0007' }, changes)).toThrow(
      expect.objectContaining({ code: 'E_LOGIN' }),
    );
  });
});

describe('the role', () => {
  it.each([
    [{ groups: ['staff', 'oncall', 'sre'] }, 'approver'],
    [{ groups: ['lead', 'sre'] }, 'admin'],
    [{ groups: 'oncall' }, 'responder'],
    [{ groups: ['constructor', '__proto__', 'toString'] }, 'viewer'],
    [{ groups: [['lead'], { lead: 1 }, 7, null] }, 'viewer'],
    [{ groups: { lead: true } }, 'viewer'],
    [{ groups: ['SRE', 'sre '] }, 'viewer'],
    [{}, 'viewer'],
  ])('of %j is %s', (claims, role) => expect(person(claims, { roles: { map } }).role).toBe(role));

  it('may stand in a claim whose name is a URL, or within objects', () => {
    const url = 'https://example.org/roles';
    expect(person({ [url]: ['sre'] }, { roles: { claim: url, map } }).role).toBe('approver');
    const roles = { claim: 'realm_access.roles', map };
    expect(person({ realm_access: { roles: ['lead'] } }, { roles }).role).toBe('admin');
    expect(person({ realm_access: 'roles' }, { roles }).role).toBe('viewer');
  });
});
