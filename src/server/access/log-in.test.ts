import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { identityProvider } from './identity-provider.ts';
import { oidcConfig } from './oidc-config.ts';
import { type GuardedServer, startGuardedServer } from './testing.ts';
import { CLIENT, startTestProvider, TestBrowser, type TestProvider } from './testing-provider.ts';

/** Bound to the port before the provider must know it. */
let redirectUri = '';
let url = '';
let provider: TestProvider;
let server: GuardedServer;
let browser: TestBrowser;

const section = (changes: object = {}) =>
  oidcConfig.parse({
    issuer: provider.issuer,
    'client-id': CLIENT.id,
    roles: { map: { sre: 'approver', lead: 'admin' } },
    ...changes,
  });

async function begin(changes: object = {}, secret: string | null = CLIENT.secret): Promise<void> {
  await server?.close();
  const config = section(changes);
  server = await startGuardedServer({
    oidc: { config, provider: identityProvider(config, secret, systemClock) },
  });
  url = await server.app.listen({ host: '127.0.0.1', port: Number(new URL(redirectUri).port) });
  browser = new TestBrowser();
}

beforeAll(async () => {
  const probe = await startGuardedServer();
  redirectUri = `${await probe.app.listen({ host: '127.0.0.1', port: 0 })}/login/callback`;
  await probe.close();
  provider = await startTestProvider([redirectUri]);
});
afterAll(() => provider.close());
beforeEach(async () => {
  provider.person = { sub: '1', email: 'ada@example.org', email_verified: true, groups: ['sre'] };
  provider.secondsOff = 0;
  await begin();
});
afterEach(() => server.close());

const isCallback = (at: string) => at.startsWith(redirectUri);
const me = async (who = browser) => (await who.go(`${url}/api/v1/me`)).json();
/** Everything but the way back. */
const comingBack = async (who = browser) => (await who.follow(`${url}/login`, isCallback)).url;
const failure = async (answer: { status: number; text(): Promise<string> }) =>
  [answer.status, await answer.text()] as const;

describe('a log-in', () => {
  it('gives the person the name and the highest role that the claims give, and goes where it was wanted', async () => {
    provider.person = { ...provider.person, groups: ['staff', 'sre', 'lead'] };
    const { url: back } = await browser.follow(`${url}/login?return-to=/api/v1/me`, isCallback);
    const answer = await browser.go(back);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/api/v1/me']);
    expect(await me()).toEqual({ name: 'ada@example.org', role: 'admin', via: 'login' });
  });

  it('keeps its cookie from scripts and from other sites, and its value from the store', async () => {
    const answer = await browser.go(await comingBack());
    const cookie = answer.headers.getSetCookie().find((line) => line.startsWith('allclear='))!;
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Lax/);
    const rows = await server.store.db.selectFrom('logins').selectAll().execute();
    expect(rows.map(({ kind }) => kind)).toEqual(['open']);
    expect(JSON.stringify(rows)).not.toContain(browser.cookies(url).get('allclear'));
  });

  it('holds once: the same answer again opens nothing', async () => {
    const back = await comingBack();
    const kept = new Map(browser.cookies(url));
    expect((await browser.go(back)).status).toBe(303);
    const thief = new TestBrowser();
    for (const [name, value] of kept) thief.cookies(url).set(name, value);
    expect(await failure(await thief.go(back))).toEqual([403, expect.stringContaining('E_LOGIN')]);
    expect((await thief.go(`${url}/api/v1/me`)).status).toBe(401);
  });

  it("is the browser's that began it: an answer handed to another opens nothing there", async () => {
    const victim = new TestBrowser();
    const back = await comingBack();
    expect((await victim.go(back)).status).toBe(403);
    await comingBack(victim);
    expect(await failure(await victim.go(back))).toEqual([403, expect.stringContaining('E_LOGIN')]);
    expect((await victim.go(`${url}/api/v1/me`)).status).toBe(401);
  });

  it.each([
    ['another state', (back: URL) => back.searchParams.set('state', 'x')],
    ['no state', (back: URL) => back.searchParams.delete('state')],
    ['two states', (back: URL) => back.searchParams.append('state', 'x')],
    ['another issuer', (back: URL) => back.searchParams.set('iss', 'https://evil.example')],
    ['another code', (back: URL) => back.searchParams.set('code', 'x')],
    ['no code', (back: URL) => back.searchParams.delete('code')],
  ])('is refused with %s', async (_, spoil) => {
    const back = new URL(await comingBack());
    spoil(back);
    expect(await failure(await browser.go(back.href))).toEqual([403, expect.stringContaining('E_LOGIN')]);
    expect((await browser.go(`${url}/api/v1/me`)).status).toBe(401);
  });

  it('is refused with the nonce of another question, and with another challenge', async () => {
    for (const spoiled of ['nonce', 'code_challenge']) {
      const asked = await browser.go(`${url}/login`);
      const question = new URL(asked.headers.get('location')!);
      question.searchParams.set(spoiled, 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM');
      const { url: back } = await browser.follow(question.href, isCallback);
      expect((await browser.go(back)).status, spoiled).toBe(403);
    }
  });

  it('takes longer than ten minutes in vain', async () => {
    const back = await comingBack();
    await server.clock.advance(600_000);
    expect((await browser.go(back)).status).toBe(403);
  });

  it('forgives a provider whose clock is off by a minute, and no more', async () => {
    provider.secondsOff = -90;
    expect((await browser.go(await comingBack())).status).toBe(303);
    provider.secondsOff = -130;
    const other = new TestBrowser();
    expect(await failure(await other.go(await comingBack(other)))).toEqual([
      403,
      expect.stringContaining('E_LOGIN'),
    ]);
    provider.secondsOff = 50;
    expect((await browser.go(await comingBack())).status).toBe(303);
  });

  it('replaces the one before it, and is never one that was in the browser', async () => {
    browser.cookies(url).set('allclear', 'A'.repeat(43));
    await browser.go(await comingBack());
    const first = browser.cookies(url).get('allclear')!;
    expect(first).not.toBe('A'.repeat(43));
    await browser.go(await comingBack());
    const again = new TestBrowser();
    again.cookies(url).set('allclear', first);
    expect((await again.go(`${url}/api/v1/me`)).status).toBe(401);
    expect((await browser.go(`${url}/api/v1/me`)).status).toBe(200);
  });

  it('says what the provider said, and not as HTML', async () => {
    await browser.go(`${url}/login`);
    const back = `${redirectUri}?error=access_denied&error_description=${encodeURIComponent('<b>no</b>')}`;
    const state = new URL((await browser.go(`${url}/login`)).headers.get('location')!).searchParams.get(
      'state',
    )!;
    const [status, page] = await failure(
      await browser.go(`${back}&state=${state}&iss=${encodeURIComponent(provider.issuer)}`),
    );
    expect(status).toBe(403);
    expect(page).toContain('&lt;b&gt;no&lt;/b&gt;');
  });
});

describe('who may come in', () => {
  it('the default role is for those whom no group names; none keeps them out', async () => {
    provider.person = { sub: '2', email: 'ben@example.org', groups: 'staff' };
    await browser.go(await comingBack());
    expect(await me()).toMatchObject({ role: 'viewer' });
    await begin({ roles: { default: 'none' } });
    expect(await failure(await browser.go(await comingBack()))).toEqual([
      403,
      expect.stringContaining('no role'),
    ]);
  });

  it('an unverified address names nobody', async () => {
    provider.person = {
      sub: '3',
      email: 'ada@example.org',
      email_verified: false,
      preferred_username: 'eve',
    };
    await browser.go(await comingBack());
    expect(await me()).toMatchObject({ name: 'eve' });
  });

  it('another claim may name people and roles, within objects too; who lacks it stays out', async () => {
    await begin({
      'name-claim': 'preferred_username',
      roles: { claim: 'realm.roles', map: { ops: 'responder' } },
    });
    provider.person = { sub: '4', preferred_username: 'cy', realm: { roles: ['ops'] } };
    await browser.go(await comingBack());
    expect(await me()).toMatchObject({ name: 'cy', role: 'responder' });
    provider.person = { sub: '5' };
    const other = new TestBrowser();
    expect(await failure(await other.go(await comingBack(other)))).toEqual([
      403,
      expect.stringContaining('preferred_username'),
    ]);
  });
});

describe('logging out', () => {
  it('ends the session in the store, from our own page only', async () => {
    await browser.go(await comingBack());
    const session = browser.cookies(url).get('allclear')!;
    const elsewhere = { method: 'POST', headers: { origin: 'https://evil.example' } };
    expect((await browser.go(`${url}/logout`, elsewhere)).status).toBe(403);
    expect(await me()).toMatchObject({ name: 'ada@example.org' });
    const form = { 'content-type': 'application/x-www-form-urlencoded', origin: url };
    expect((await browser.go(`${url}/logout`, { method: 'POST', headers: form, body: '' })).status).toBe(303);
    const thief = new TestBrowser();
    thief.cookies(url).set('allclear', session);
    expect((await thief.go(`${url}/api/v1/me`)).status).toBe(401);
    expect(browser.cookies(url).has('allclear')).toBe(false);
  });
});

describe('the provider', () => {
  it('that is away is said to be; when it is back, the next log-in works', async () => {
    const { issuer } = provider;
    await provider.close();
    await begin();
    expect(await failure(await browser.go(`${url}/login`))).toEqual([
      502,
      expect.stringMatching(/ECONNREFUSED.*E_UNREACHABLE/),
    ]);
    const json = await browser.go(`${url}/login`, { headers: { accept: 'application/json' } });
    expect(await json.json()).toMatchObject({ error: { code: 'E_UNREACHABLE' } });
    provider = await startTestProvider([redirectUri], { port: Number(new URL(issuer).port) });
    await browser.go(await comingBack());
    expect(await me()).toMatchObject({ name: 'ada@example.org' });
  });

  it.each(['client_secret_post', 'none'] as const)(
    'that wants the client to prove itself by %s gets that',
    async (auth) => {
      const before = provider;
      provider = await startTestProvider([redirectUri], { auth });
      await begin({}, auth === 'none' ? null : CLIENT.secret);
      await browser.go(await comingBack());
      expect(await me()).toMatchObject({ name: 'ada@example.org' });
      await provider.close();
      provider = before;
    },
  );

  it('that does not know our secret is no way in', async () => {
    await begin({}, 'wrong');
    expect(await failure(await browser.go(await comingBack()))).toEqual([
      403,
      expect.stringContaining('client secret'),
    ]);
  });

  it('that nobody configured: it is said, and tokens work', async () => {
    await server.close();
    server = await startGuardedServer();
    const answer = await server.app.inject('/login');
    expect([answer.statusCode, answer.json().error.code]).toEqual([404, 'E_NOT_FOUND']);
  });
});

it('over HTTPS its cookie is for this host only, and secure', async () => {
  await server.close();
  const config = section();
  server = await startGuardedServer({
    own: { publicUrl: new URL('https://allclear.example'), hosts: [] },
    oidc: { config, provider: identityProvider(config, CLIENT.secret, systemClock) },
  });
  const answer = await server.app.inject({ url: '/login', headers: { host: 'allclear.example' } });
  expect(String(answer.headers['set-cookie'])).toMatch(
    /^__Host-allclear-login=[^;]+;.*Path=\/;.*HttpOnly;.*Secure/,
  );
  const question = new URL(String(answer.headers.location));
  expect(question.searchParams.get('redirect_uri')).toBe('https://allclear.example/login/callback');
});
