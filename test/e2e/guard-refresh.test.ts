import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Guard, type GuardOptions, type LogEntry, startGuard } from '../../src/guard/index.ts';
import { type Clock, systemClock } from '../../src/kernel/index.ts';
import { type AuthServer, CONFIDENTIAL, startAuthServer } from './auth-fixtures.ts';
import { eventually, initialize, metric, post, startServer } from './guard-fixtures.ts';

vi.spyOn(console, 'warn').mockImplementation(() => {});

const RESOURCE = 'http://127.0.0.1/mcp';
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

async function world(
  options: Partial<GuardOptions> = {},
): Promise<{ as: AuthServer; guard: Guard; issuer: string; log: LogEntry[] }> {
  const as = await startAuthServer();
  cleanups.push(() => as.kill());
  const log: LogEntry[] = [];
  const guard = await startGuard({
    upstreams: [as.url],
    authUpstream: as.url,
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    authListen: '127.0.0.1:0',
    log: (entry) => log.push(entry),
    ...options,
  });
  cleanups.push(() => guard.stop());
  as.serveAs(guard.authUrl!);
  return { as, guard, issuer: guard.authUrl!, log };
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

interface Init {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer<ArrayBuffer>;
  readonly signal?: AbortSignal;
}

async function form(
  issuer: string,
  parameters: Readonly<Record<string, string>> | string,
  init: Init = {},
): Promise<Answer> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams(parameters).toString(),
    ...init,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...init.headers },
  });
  const text = await response.text();
  let json: Answer['json'] = {};
  try {
    json = JSON.parse(text) as Answer['json'];
  } catch {}
  return { status: response.status, headers: response.headers, text, json };
}

function refresh(issuer: string, refreshToken: string, init: Init = {}): Promise<Answer> {
  const parameters = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: 'public' };
  return form(issuer, { ...parameters, resource: RESOURCE }, init);
}

const basic = (secret: string) => ({
  authorization: `Basic ${Buffer.from(`${CONFIDENTIAL.client_id}:${secret}`).toString('base64')}`,
});
const total = ({ adminUrl }: Guard, outcome: string) =>
  metric(adminUrl, `mcp_token_refresh_total{outcome="${outcome}"}`);
const sent = ({ adminUrl }: Guard) => metric(adminUrl, 'mcp_token_refresh_upstream_total');
const waiting = ({ adminUrl }: Guard) => metric(adminUrl, 'mcp_token_refresh_queue_depth');

/** What a bare socket gets for these bytes. */
function raw(issuer: string, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(issuer);
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let text = '';
    socket.on('data', (data) => (text += data.toString()));
    socket.on('end', () => resolve(text));
  });
}

/** A pace lets the first two through at once. */
async function spendCredit(issuer: string): Promise<void> {
  for (const token of ['x', 'y']) await refresh(issuer, token);
}

/** What a client that is told "later" can rely on. */
function expectLater({ status, headers, json }: Answer, words: RegExp): void {
  expect({ status, error: json['error'] }).toEqual({ status: 503, error: 'temporarily_unavailable' });
  expect(String(json['error_description'])).toMatch(words);
  expect(headers.get('content-type')).toBe('application/json');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
}

/** Time that passes as much faster. */
function fast(times: number): Clock {
  return {
    ...systemClock,
    monotonic: () => systemClock.monotonic() * times,
    after: (ms, task) => systemClock.after(ms / times, task),
  };
}

describe('what is no refresh', () => {
  it('passes untouched, under the address that clients know', async () => {
    const { issuer } = await world();
    const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
    expect(metadata).toMatchObject({ issuer, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks` });
  });

  it('leads back to the guard when the server redirects to where it really listens', async () => {
    const { as, issuer } = await world();
    as.instead = (req, res) =>
      void res.writeHead(302, { location: `http://${req.headers.host}/interaction` }).end();
    const body = new URLSearchParams({ grant_type: 'authorization_code' });
    const answer = await fetch(`${issuer}/token`, { method: 'POST', redirect: 'manual', body });
    expect(answer.headers.get('location')).toBe('/interaction');
  });

  it.each([
    ['a doubled refresh token', 'grant_type=refresh_token&refresh_token=a&refresh_token=b&client_id=public'],
    ['a refresh without its token', 'grant_type=refresh_token&client_id=public'],
    ['another grant', 'grant_type=authorization_code&code=a&client_id=public'],
  ])('is answered by the authorization server in its own words: %s', async (_, body) => {
    const { as, guard, issuer } = await world();
    const answer = await form(issuer, {}, { body });
    expect(answer.status).toBe(400);
    expect(answer.json['error']).toMatch(/^invalid_(request|grant)$/);
    expect(as.refreshes).toHaveLength(1);
    expect(await sent(guard)).toBe(0);
  });

  it('is read for the expiry of what it issues', async () => {
    const { as, guard, issuer } = await world();
    as.instead = (_req, res) =>
      void res.setHeader('content-type', 'application/json').end('{"access_token":"opaque","expires_in":45}');
    await form(issuer, { grant_type: 'authorization_code', code: 'a', client_id: 'public' });
    expect(await metric(guard.adminUrl, 'mcp_access_tokens_expiring{le="30"}')).toBe(0);
    expect(await metric(guard.adminUrl, 'mcp_access_tokens_expiring{le="60"}')).toBe(1);
    expect(await metric(guard.adminUrl, 'mcp_access_tokens_expiring{le="+Inf"}')).toBe(1);
    expect(await metric(guard.adminUrl, 'mcp_access_tokens_expiring_peak')).toBe(1);
  });

  it('is refused in OAuth JSON when it is too large, and when it names another host', async () => {
    const { issuer } = await world();
    const big = await form(issuer, {}, { body: Buffer.alloc(5 * 1024 * 1024, 'a') });
    expect(big).toMatchObject({ status: 413, json: { error: 'invalid_request' } });
    const foreign = await raw(
      issuer,
      'GET /jwks HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
    );
    expect(foreign).toMatch(/^HTTP\/1.1 403/);
  });
});

describe('a refresh', () => {
  it('that cannot be passed on as HTTP is refused, and nothing is sent', async () => {
    const { as, issuer } = await world();
    const body = 'grant_type=refresh_token&refresh_token=a&client_id=public';
    const head = `POST * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${body.length}\r\nContent-Type: application/x-www-form-urlencoded`;
    expect(await raw(issuer, `${head}\r\n\r\n${body}`)).toMatch(/^HTTP\/1.1 400[^]*"invalid_request"/);
    expect(as.refreshes).toHaveLength(0);
  });

  it('is never answered with what somebody with another proof has got', async () => {
    const { as, issuer } = await world();
    as.delayMs = 200;
    const { refresh_token } = await as.mint(RESOURCE, CONFIDENTIAL);
    const parameters = { grant_type: 'refresh_token', refresh_token: refresh_token!, resource: RESOURCE };
    const ask = (secret: string) => form(issuer, parameters, { headers: basic(secret) });
    const answers = await Promise.all(
      ['wrong', CONFIDENTIAL.client_secret, 'wrong', CONFIDENTIAL.client_secret].map(ask),
    );
    expect(answers.map(({ status }) => status)).toEqual([401, 200, 401, 200]);
    expect(answers[1]!.text).toBe(answers[3]!.text);
    expect(as.refreshes).toHaveLength(2);
  });

  it('with a proof of its own does not kill the credential of another that is under way', async () => {
    const { as, guard, issuer } = await world();
    as.delayMs = 200;
    const { refresh_token } = await as.mint(RESOURCE);
    const proofs = [1, 2, 3].map((one) => ({ headers: { 'x-client-cert': `${one}` } }));
    const answers = await Promise.all(proofs.map((init) => refresh(issuer, refresh_token!, init)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 503, 503]);
    expectLater(answers.find(({ status }) => status === 503)!, /go on with the tokens that it was given/);
    expect(await total(guard, 'rejected')).toBe(2);
    as.delayMs = 0;
    const { json } = answers.find(({ status }) => status === 200)!;
    expect((await refresh(issuer, String(json['refresh_token']))).status).toBe(200);
    expect(as.revoked).toBe(0);
  });

  it('is finished for the others when the client that began it leaves', async () => {
    const { as, guard, issuer } = await world();
    as.delayMs = 300;
    const { refresh_token } = await as.mint(RESOURCE);
    const leaver = new AbortController();
    const first = refresh(issuer, refresh_token!, { signal: leaver.signal }).catch(() => null);
    await eventually(
      () => as.refreshes.length,
      (count) => count === 1,
    );
    const second = refresh(issuer, refresh_token!);
    await eventually(
      () => waiting(guard),
      (count) => count === 2,
    );
    leaver.abort();
    expect(await first).toBeNull();
    expect((await second).status).toBe(200);
    expect([await total(guard, 'ok'), await total(guard, 'abandoned'), await sent(guard)]).toEqual([1, 1, 1]);
  });

  it('is finished for nobody too, and its answer is there for who asks again within the grace', async () => {
    const { as, guard, issuer } = await world({ levers: { TOKEN_REFRESH_GRACE_SECONDS: '10' } });
    as.delayMs = 200;
    const { refresh_token } = await as.mint(RESOURCE);
    const leaver = new AbortController();
    const first = refresh(issuer, refresh_token!, { signal: leaver.signal }).catch(() => null);
    await eventually(
      () => as.refreshes.length,
      (count) => count === 1,
    );
    leaver.abort();
    await first;
    await eventually(
      () => metric(guard.adminUrl, 'mcp_token_refresh_kept'),
      (count) => count === 1,
    );
    const again = await refresh(issuer, refresh_token!);
    expect(again.status).toBe(200);
    // The client that already has the new refresh token, and does not know how new, gets the same.
    const next = await refresh(issuer, String(again.json['refresh_token']));
    expect(next.text).toBe(again.text);
    expect([as.refreshes.length, as.revoked]).toEqual([1, 0]);
  });

  it('that was rotated away is a reuse without the grace: the authorization server decides', async () => {
    const { as, issuer } = await world();
    const { refresh_token } = await as.mint(RESOURCE);
    expect((await refresh(issuer, refresh_token!)).status).toBe(200);
    const again = await refresh(issuer, refresh_token!);
    expect(again).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
    expect(as.revoked).toBe(1);
  });

  it('is paced', async () => {
    const { as, guard, issuer } = await world({ levers: { MAX_TOKEN_REFRESH_PER_SECOND: '10' } });
    const minted = await Promise.all(Array.from({ length: 12 }, () => as.mint(RESOURCE)));
    const start = performance.now();
    const answers = await Promise.all(minted.map(({ refresh_token }) => refresh(issuer, refresh_token!)));
    expect(performance.now() - start).toBeGreaterThan(900);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(await total(guard, 'ok')).toBe(12);
  });

  it('that waits too long for its turn is told so, and costs nothing when its client leaves', async () => {
    const { as, guard, issuer } = await world({
      levers: { MAX_TOKEN_REFRESH_PER_SECOND: '0.001' },
      clock: fast(50),
    });
    const minted = await Promise.all(Array.from({ length: 2 }, () => as.mint(RESOURCE)));
    await spendCredit(issuer);
    const leaver = new AbortController();
    const left = refresh(issuer, minted[0]!.refresh_token!, { signal: leaver.signal }).catch(() => null);
    const late = refresh(issuer, minted[1]!.refresh_token!, { headers: { origin: 'http://app.example' } });
    await eventually(
      () => waiting(guard),
      (count) => count === 2,
    );
    leaver.abort();
    await left;
    const answer = await late;
    expectLater(answer, /Too many clients are refreshing their tokens right now; try again in \d+ s/);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect([as.refreshes.length, await total(guard, 'rejected'), await total(guard, 'abandoned')]).toEqual([
      2, 1, 1,
    ]);
  });
});

describe('an authorization server', () => {
  it('that says 429 is given the rest it asks for, and then the same refresh again', async () => {
    const { as, guard, issuer } = await world();
    const minted = await Promise.all(Array.from({ length: 5 }, () => as.mint(RESOURCE)));
    let since = 0;
    as.instead = (_req, res) => {
      since ||= performance.now();
      as.instead = null;
      res.writeHead(429, { 'content-type': 'text/html', 'retry-after': '1' }).end('<h1>Slow down</h1>');
    };
    expect((await refresh(issuer, minted[0]!.refresh_token!)).status).toBe(200);
    expect(performance.now() - since).toBeGreaterThan(900);
    const answers = await Promise.all(
      minted.slice(1).map(({ refresh_token }) => refresh(issuer, refresh_token!)),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await sent(guard)).toBe(6);
  });

  it('that says 429 for long is left alone: clients are told at once, and nothing more is sent', async () => {
    const { as, guard, issuer } = await world();
    as.instead = (_req, res) => void res.writeHead(429, { 'retry-after': '60' }).end();
    const answers = await Promise.all(['a', 'b', 'c'].map((token) => refresh(issuer, token)));
    answers.push(await refresh(issuer, 'd'));
    for (const answer of answers) {
      expectLater(answer, /busy/);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(60);
    }
    expect(as.refreshes.length).toBeLessThanOrEqual(3);
    expect((await total(guard, 'throttled')) + (await total(guard, 'rejected'))).toBe(4);
  });

  it.each([
    ['resets', 'socket'],
    ['answers half', 'half'],
    ['answers without end', 'endless'],
  ])('that %s leaves it unknown what became of the refresh, and is not asked again', async (_, how) => {
    const { as, guard, issuer } = await world();
    as.instead = (_req, res) => {
      if (how === 'socket') res.destroy();
      else if (how === 'half')
        res.writeHead(200, { 'content-length': '100' }).write('{"access', () => res.destroy());
      else {
        const chunk = Buffer.alloc(65_536, ' ');
        const pour = () => void res.write(chunk, () => setImmediate(pour));
        pour();
      }
    };
    expectLater(await refresh(issuer, 'a'), /whether the refresh token has been used up is unknown/);
    expect(as.refreshes).toHaveLength(1);
    expect([await total(guard, 'error'), await sent(guard)]).toEqual([1, 1]);
  });

  it('that hangs is given up in time, yet its late answer is there for who asks again', async () => {
    const { as, issuer } = await world({ clock: fast(20), levers: { TOKEN_REFRESH_GRACE_SECONDS: '60' } });
    const { refresh_token } = await as.mint(RESOURCE);
    as.delayMs = 2_500;
    expectLater(await refresh(issuer, refresh_token!), /unknown/);
    const again = await refresh(issuer, refresh_token!);
    expect(again.status).toBe(200);
    expect([as.refreshes.length, as.revoked]).toEqual([1, 0]);
  });

  it('that is down is waited for, and is part of being ready', async () => {
    const { as, guard, issuer } = await world();
    const upstream = await startServer();
    cleanups.push(() => upstream.kill());
    expect((await fetch(`${guard.adminUrl}/readyz`)).status).toBe(200);
    expect(await metric(guard.adminUrl, `mcp_upstream_up{upstream="${as.url}"}`)).toBe(1);
    await as.kill();
    const pending = refresh(issuer, 'a');
    await eventually(
      async () => (await fetch(`${guard.adminUrl}/readyz`)).status,
      (status) => status === 503,
    );
    expect(await sent(guard)).toBe(1);
    const revived = createServer((req, res) => {
      req.resume();
      res.setHeader('content-type', 'application/json').end('{"access_token":"new","expires_in":60}');
    });
    await new Promise<void>((resolve) => {
      revived.listen(Number(new URL(as.url).port), '127.0.0.1', resolve);
    });
    cleanups.push(() => revived.closeAllConnections());
    cleanups.push(() => revived.close());
    expect((await pending).json['access_token']).toBe('new');
  });

  it('that is down answers nothing else either, and clients are told in OAuth JSON', async () => {
    const { as, issuer } = await world();
    await as.kill();
    const answer = await form(issuer, { grant_type: 'authorization_code', code: 'a' });
    expectLater(answer, /cannot be reached/);
  });
});

describe('a guard', () => {
  it('that stops refuses who waits', async () => {
    const { guard, issuer } = await world({ levers: { MAX_TOKEN_REFRESH_PER_SECOND: '0.001' } });
    await spendCredit(issuer);
    const pending = refresh(issuer, 'b');
    await eventually(
      () => waiting(guard),
      (count) => count === 1,
    );
    await guard.stop();
    expectLater(await pending, /stopping/);
  });

  it('has all series from the start, without an authorization server too', async () => {
    const upstream = await startServer();
    cleanups.push(() => upstream.kill());
    const guard = await startGuard({
      upstreams: [upstream.url],
      listen: '127.0.0.1:0',
      admin: '127.0.0.1:0',
    });
    cleanups.push(() => guard.stop());
    expect(guard.authUrl).toBeNull();
    for (const outcome of ['ok', 'invalid_grant', 'throttled', 'error', 'rejected', 'abandoned'])
      expect(await total(guard, outcome)).toBe(0);
    const names = [
      'mcp_token_refresh_coalesced_total',
      'mcp_token_refresh_upstream_total',
      'mcp_token_refresh_duration_seconds_count',
      'mcp_token_refresh_queue_depth',
      'mcp_access_tokens_expiring{le="60"}',
      'mcp_access_tokens_expiring_peak',
    ];
    for (const name of names) expect(await metric(guard.adminUrl, name)).toBe(0);
  });

  it('knows when the tokens of MCP traffic expire, once each, and only of those that the server takes', async () => {
    const upstream = await startServer();
    cleanups.push(() => upstream.kill());
    const guard = await startGuard({
      upstreams: [upstream.url],
      listen: '127.0.0.1:0',
      admin: '127.0.0.1:0',
    });
    cleanups.push(() => guard.stop());
    const claims = Buffer.from(JSON.stringify({ exp: Math.floor(Date.now() / 1000) + 50 })).toString(
      'base64url',
    );
    const bearer = (name: string) => ({ authorization: `Bearer e30.${claims}.${name}` });
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
    });
    await initialize(guard.listenUrl);
    for (const name of ['a', 'a', 'b']) await (await post(guard.listenUrl, body, bearer(name))).text();
    await (await post(guard.listenUrl, '{"no":"request"}', bearer('c'))).text();
    const known = () => metric(guard.adminUrl, 'mcp_access_tokens_expiring{le="60"}');
    await eventually(known, (count) => count === 2);
  });

  it('shows no token: not in its metrics, not in its notices', async () => {
    const { as, guard, issuer, log } = await world({ levers: { TOKEN_REFRESH_GRACE_SECONDS: '10' } });
    const { refresh_token } = await as.mint(RESOURCE);
    const answer = await refresh(issuer, refresh_token!);
    await refresh(issuer, 'a-token-that-nobody-knows');
    await as.kill();
    await form(issuer, { grant_type: 'authorization_code', code: 'a-code-that-nobody-knows' });
    const shown = JSON.stringify(log) + (await (await fetch(`${guard.adminUrl}/metrics`)).text());
    for (const secret of [
      refresh_token!,
      String(answer.json['access_token']),
      String(answer.json['refresh_token']),
    ])
      expect(shown).not.toContain(secret);
    expect(shown).not.toMatch(/that-nobody-knows/);
  });
});
