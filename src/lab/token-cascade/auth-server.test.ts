/** The real authorization server, with the official SDK's OAuth code as its client. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { auth } from '@modelcontextprotocol/sdk/client/auth.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { CLIENT_ID, createProvider, publicFace } from './auth-server.ts';
import { keysOf } from './bearer.ts';
import { Credential } from './credential.ts';
import { createLogInDesk } from './log-in-desk.ts';
import { Person } from './person.ts';
import { requireToken } from './resource-server.ts';
import { Throttle } from './throttle.ts';
import { createTokenStore } from './token-store.ts';

const THROTTLE = 20;
const servers: Server[] = [];
const counts = { ok: 0, refused: 0, throttled: 0 };
let issuer = '';
let mcp = '';
let desk = '';
let life = 3600;
const accessTokenSeconds = () => life;
const hello: RequestListener = (_, response) => void response.end('hello');

beforeAll(async () => {
  const front = createServer();
  issuer = await listen(front);
  const provider = createProvider(issuer, createTokenStore(systemClock), accessTokenSeconds);
  const throttle = new Throttle(THROTTLE, systemClock);
  front.on('request', publicFace(provider, { throttle, burn: () => {}, counts }));
  desk = await serve(createLogInDesk({ provider, counts, accessTokenSeconds, clock: systemClock }));
  const keys = keysOf(await (await fetch(`${issuer}/jwks`)).json());
  mcp = `${await serve(requireToken(hello, () => ({ issuer, keys, now: systemClock.now() })))}/mcp`;
});

afterAll(() => {
  for (const server of servers) server.close();
});

function serve(listener: RequestListener): Promise<string> {
  return listen(createServer(listener));
}

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function person(account: string): Person {
  return new Person({ account, url: mcp, deskUrl: desk, logInMs: [0, 0], fetch, clock: systemClock });
}

async function signedIn(account: string): Promise<Credential> {
  const credential = new Credential();
  credential.renew(await person(account).signedIn());
  return credential;
}

function call(credential: Credential): Promise<Response> {
  const authorization = `Bearer ${credential.tokens()?.access_token}`;
  return fetch(mcp, { method: 'POST', headers: { authorization } });
}

function refresh(credential: Credential): Promise<unknown> {
  return auth(credential, { serverUrl: mcp }).catch((error: unknown) => error);
}

describe('the authorization server of the token cascade', () => {
  it('signs tokens that the MCP server takes, and that are renewed one after the other', async () => {
    const credential = await signedIn('alone');
    expect(await (await call(credential)).text()).toBe('hello');
    const first = credential.tokens()!;
    expect(await refresh(credential)).toBe('AUTHORIZED');
    const second = credential.tokens()!;
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(await refresh(credential)).toBe('AUTHORIZED');
    expect((await call(credential)).status).toBe(200);
  });

  it('revokes the credential of a client whose calls refresh at the same moment', async () => {
    const credential = await signedIn('careless');
    const ended = await Promise.all(Array.from({ length: 8 }, () => refresh(credential)));
    expect(ended.filter((one) => one === 'AUTHORIZED')).toHaveLength(1);
    expect(ended.filter((one) => one === 'REDIRECT')).toHaveLength(7);
    expect(credential.logInUrl?.href).toMatch(`${issuer}/auth?`);
    // What the one success brought has been deleted by the other seven.
    expect(credential.tokens()).toBeUndefined();
  });

  it('tells a client without a good token where to get one', async () => {
    const answer = await fetch(mcp, { method: 'POST' });
    expect(answer.status).toBe(401);
    const where = /resource_metadata="([^"]+)"/.exec(answer.headers.get('www-authenticate') ?? '')?.[1];
    expect(await (await fetch(where!)).json()).toMatchObject({
      resource: mcp,
      authorization_servers: [issuer],
    });
  });

  it('lets a person log in, whose code the SDK trades for tokens', async () => {
    const credential = new Credential();
    await person('newcomer').logIn(credential);
    expect(credential.logInUrl).toBeUndefined();
    expect((await call(credential)).status).toBe(200);
    expect(await refresh(credential)).toBe('AUTHORIZED');
  });

  it('mints tokens that expire at a given second, and shorter ones from now on', async () => {
    const credential = new Credential();
    credential.renew(await person('brief').signedIn(Math.floor(systemClock.now() / 1000) + 4));
    expect(credential.tokens()?.expires_in).toBeLessThanOrEqual(4);
    expect((await call(credential)).status).toBe(200);
    await expect.poll(async () => (await call(credential)).status, { timeout: 10_000 }).toBe(401);
    life = 10;
    await refresh(credential);
    expect(credential.tokens()?.expires_in).toBe(10);
    life = 3600;
  });

  it('turns away who asks too often, in words that are no OAuth', async () => {
    const form = { grant_type: 'refresh_token', refresh_token: 'none', client_id: CLIENT_ID };
    const answers = await Promise.all(
      Array.from({ length: 10 * THROTTLE }, () =>
        fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(form) }),
      ),
    );
    const away = answers.filter(({ status }) => status === 429);
    expect(away.length).toBeGreaterThan(0);
    expect(await away[0]!.text()).toContain('<h1>429 Too Many Requests</h1>');
    expect(counts.throttled).toBe(away.length);
  });
});
