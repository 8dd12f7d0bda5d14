import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { revokeToken } from '../../engine/index.ts';
import { listTokens } from '../../store/index.ts';
import { actorOf } from '../gate.ts';
import type { ServerOptions } from '../options.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { DEFAULT_SESSION, openSession } from './sessions.ts';
import { type GuardedServer, startGuardedServer } from './testing.ts';

const extend: ServerOptions['extend'] = async (app) => {
  app.get('/read', { config: { access: 'viewer' } }, (request) => actorOf(request));
  app.post('/write', { config: { access: 'approver' } }, (request) => actorOf(request));
};
const limits = { perActor: 5, perAddress: 4, failures: 3 };
const webhook = { secret: 'hush hush', user: null };

let server: GuardedServer;
const begin = async (...[access]: Parameters<typeof startGuardedServer>) => {
  server = await startGuardedServer(access, { extend });
};
beforeEach(() => begin({ webhook }));
afterEach(() => server.close());

const get = (headers: Record<string, string> = {}) => server.app.inject({ url: '/read', headers });
const post = (headers: Record<string, string> = {}) =>
  server.app.inject({ method: 'POST', url: '/write', headers });
const deliver = (authorization?: string) =>
  server.app.inject({
    method: 'POST',
    url: '/api/v1/webhooks/alertmanager',
    headers: authorization === undefined ? {} : { authorization },
    payload: {},
  });
const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const ada = { name: 'ada', role: 'approver', issuer: 'https://id.example', subject: '1' } as const;

describe('a token', () => {
  it('comes in as its owner', async () => {
    const answer = await get(await server.as('viewer', 'ada'));
    expect([answer.statusCode, answer.json()]).toEqual([200, { name: 'ada', role: 'viewer', via: 'token' }]);
  });

  it.each([
    'Bearer',
    'Bearer allclear_',
    `Bearer allclear_${'x'.repeat(43)}`,
    'Token abc',
    basic('ada', 'x'),
    'Bearer a b',
  ])('that is none is refused: %s', async (authorization) => {
    const answer = await get({ authorization });
    expect([answer.statusCode, answer.json().error.code]).toEqual([401, 'E_UNAUTHORIZED']);
    expect(answer.headers['www-authenticate']).toContain('Bearer');
  });

  it('that is wrong is not saved by a log-in beside it', async () => {
    const cookie = `allclear=${await openSession(server.store, ada, DEFAULT_SESSION)}`;
    expect((await get({ cookie })).statusCode).toBe(200);
    expect((await get({ cookie, authorization: 'Bearer nonsense' })).statusCode).toBe(401);
  });

  it('of too small a role is refused, with the role that it takes', async () => {
    const answer = await post(await server.as('responder'));
    expect([answer.statusCode, answer.json().error]).toMatchObject([
      403,
      { code: 'E_FORBIDDEN', what: expect.stringMatching(/approver/) },
    ]);
    expect((await post(await server.as('admin'))).statusCode).toBe(200);
  });

  it('is refused as soon as it has expired or was revoked', async () => {
    const header = await server.as('viewer');
    const [token] = await listTokens(server.store.db);
    await revokeToken(server.store, token!.id, 'eve');
    expect((await get(header)).json()).toMatchObject({ error: { what: expect.stringMatching(/revoked/) } });
    const other = await server.as('viewer');
    await server.clock.advance(3_600_000);
    expect((await get(other)).json()).toMatchObject({ error: { what: expect.stringMatching(/expired/) } });
  });
});

describe('a log-in', () => {
  const origin = { host: 'localhost', origin: 'http://localhost' };
  const login = async () => ({ cookie: `allclear=${await openSession(server.store, ada, DEFAULT_SESSION)}` });

  it('reads, and changes only from our own page', async () => {
    const cookie = await login();
    expect((await get(cookie)).json()).toEqual({ name: 'ada', role: 'approver', via: 'login' });
    expect((await post({ ...cookie, ...origin })).statusCode).toBe(200);
    const elsewhere: Record<string, string>[] = [{}, { origin: 'null' }, { origin: 'https://evil.example' }];
    for (const from of elsewhere) {
      const answer = await post({ ...cookie, host: 'localhost', ...from });
      expect([answer.statusCode, answer.json().error.code]).toEqual([403, 'E_ORIGIN']);
    }
  });

  it('ends when it was not used for two hours, and after twelve in any case', async () => {
    const cookie = await login();
    for (let hour = 0; hour < 11; hour++) {
      await server.clock.advance(3_600_000);
      expect((await get(cookie)).statusCode).toBe(200);
    }
    await server.clock.advance(3_600_000);
    expect((await get(cookie)).json()).toMatchObject({ error: { what: expect.stringMatching(/ended/) } });
    const idle = await login();
    await server.clock.advance(2 * 3_600_000);
    expect((await get(idle)).statusCode).toBe(401);
  });

  it('is none of another form, or the hash that the store has', async () => {
    await login();
    const { hash } = await server.store.db.selectFrom('logins').select('hash').executeTakeFirstOrThrow();
    for (const value of [hash, '', 'x', 'x'.repeat(43), '%00']) {
      expect((await get({ cookie: `allclear=${value}` })).statusCode).toBe(401);
    }
  });
});

describe('the webhook', () => {
  it.each([
    ['the secret', 'Bearer hush', 401],
    ['basic auth, any user', basic('anybody', 'hush hush'), 200],
    ['basic auth, wrong password', basic('anybody', 'hush'), 401],
    ['basic auth, no password', basic('hush hush', ''), 401],
    ['nothing', undefined, 401],
    ['no base64', 'Basic ###', 401],
  ])('takes or refuses %s', async (_, header, status) => {
    expect((await deliver(header)).statusCode).toBe(status);
  });

  it('takes a bearer secret, and the user of basic auth when one is configured', async () => {
    await server.close();
    await begin({ webhook: { secret: 'hush', user: 'am' } });
    expect((await deliver('Bearer hush')).statusCode).toBe(200);
    expect((await deliver(basic('am', 'hush'))).statusCode).toBe(200);
    expect((await deliver(basic('pm', 'hush'))).statusCode).toBe(401);
  });

  it('takes a token of a responder, as bearer and as password, and no smaller one', async () => {
    const { authorization } = await server.as('responder');
    expect((await deliver(authorization)).statusCode).toBe(200);
    expect((await deliver(basic('x', authorization.slice('Bearer '.length)))).statusCode).toBe(200);
    expect((await deliver((await server.as('viewer')).authorization)).statusCode).toBe(403);
  });

  it('without a secret takes tokens only', async () => {
    await server.close();
    await begin({});
    for (const header of ['Bearer ', basic('', ''), basic('x', 'null'), 'Bearer undefined'])
      expect((await deliver(header)).statusCode).toBe(401);
    expect((await deliver((await server.as('responder')).authorization)).statusCode).toBe(200);
  });

  it('its secret opens nothing else', async () => {
    expect((await get({ authorization: basic('am', 'hush hush') })).statusCode).toBe(401);
  });

  it('never answers 429: who guesses gets 503, and then not even the right secret counts', async () => {
    await server.close();
    await begin({ webhook, limits });
    for (let n = 0; n < 3; n++) expect((await deliver(basic('', `${n}`))).statusCode).toBe(401);
    const answer = await deliver(basic('', 'hush hush'));
    expect([answer.statusCode, answer.json().error.code]).toEqual([503, 'E_OVERLOADED']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect((await deliver((await server.as('responder')).authorization)).statusCode).toBe(200);
    for (let n = 0; n < 9; n++) expect((await deliver()).statusCode).not.toBe(429);
  });

  it('has no limit for who may deliver', async () => {
    await server.close();
    await begin({ webhook, limits });
    for (let n = 0; n < 20; n++) expect((await deliver(basic('', 'hush hush'))).statusCode).toBe(200);
  });
});

describe('requests a minute', () => {
  beforeEach(async () => {
    await server.close();
    await begin({ limits });
  });

  it('are counted by person, whatever token', async () => {
    const tokens = [await server.as('viewer', 'ada'), await server.as('admin', 'ADA')];
    for (let n = 0; n < 5; n++) expect((await get(tokens[n % 2])).statusCode).toBe(200);
    const answer = await get(tokens[0]);
    expect([answer.statusCode, answer.json().error.code]).toEqual([429, 'E_RATE_LIMITED']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect((await get(await server.as('viewer', 'ben'))).statusCode).toBe(200);
  });

  it('without a token are counted by address', async () => {
    for (let n = 0; n < 4; n++) expect((await get()).statusCode).toBe(401);
    expect((await get()).statusCode).toBe(429);
    const other = await server.app.inject({ url: '/read', remoteAddress: '192.0.2.7' });
    expect(other.statusCode).toBe(401);
  });

  it('with wrong tokens are few; a right one comes in from the same address', async () => {
    for (let n = 0; n < 3; n++) expect((await get({ authorization: 'Bearer x' })).statusCode).toBe(401);
    expect((await get({ authorization: 'Bearer x' })).statusCode).toBe(429);
    expect((await get(await server.as('viewer'))).statusCode).toBe(200);
  });

  it('that only say X-Forwarded-For do not come from elsewhere', async () => {
    for (let n = 0; n < 4; n++) await get({ 'x-forwarded-for': `192.0.2.${n}` });
    expect((await get({ 'x-forwarded-for': '192.0.2.99' })).statusCode).toBe(429);
  });

  it('behind a proxy that is trusted are counted by who is behind it', async () => {
    await server.close();
    server = await startGuardedServer({ limits }, { extend, trustProxy: ['127.0.0.0/8'] });
    const from = (address: string) => get({ 'x-forwarded-for': address });
    for (let n = 0; n < 9; n++) expect((await from(`192.0.2.${n}`)).statusCode).toBe(401);
    for (let n = 0; n < 4; n++) await from('2001:db8::1');
    expect((await from('2001:db8::ffff')).statusCode).toBe(429);
    expect((await from('2001:db8:1::1')).statusCode).toBe(401);
  });

  it('of health are not counted', async () => {
    for (let n = 0; n < 20; n++) expect((await server.app.inject('/healthz')).statusCode).toBe(200);
  });
});

describe('every answer', () => {
  it('has a strict policy for browsers, and no CORS', async () => {
    const { headers } = await server.app.inject({
      url: '/healthz',
      headers: { origin: 'http://localhost:80' },
    });
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
    expect(headers).not.toHaveProperty('strict-transport-security');
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it.each(['/healthz', '/read', '/nowhere', '/openapi.json'])(
    'of %s is for our own names only',
    async (url) => {
      const answer = await server.app.inject({ url, headers: { host: 'evil.example' } });
      expect([answer.statusCode, answer.json().error.code]).toEqual([421, 'E_HOST']);
      expect((await server.app.inject({ url, headers: { origin: 'https://evil.example' } })).statusCode).toBe(
        403,
      );
    },
  );

  it('over HTTPS says that it stays so', async () => {
    await server.close();
    await begin({
      own: { publicUrl: new URL('https://allclear.example'), hosts: [] },
      limits: DEFAULT_LIMITS,
    });
    expect((await server.app.inject('/healthz')).headers).toHaveProperty('strict-transport-security');
  });
});
