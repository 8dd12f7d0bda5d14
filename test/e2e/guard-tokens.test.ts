import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Guard, type GuardOptions, startGuard } from '../../src/guard/index.ts';
import {
  type AuthServer,
  makeWallet,
  startAuthServer,
  startProtectedServer,
  type Wallet,
} from './auth-fixtures.ts';
import { metric } from './guard-fixtures.ts';

// The libraries warn about test worlds and lost credentials: that is what these tests are about.
vi.spyOn(console, 'warn').mockImplementation(() => {});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

interface World {
  readonly as: AuthServer;
  readonly guard: Guard;
  readonly issuer: string;
  readonly resource: string;
}

async function world(options: Partial<GuardOptions> = {}): Promise<World> {
  const as = await startAuthServer();
  cleanups.push(() => as.kill());
  const mcp = await startProtectedServer(() => ({ resource, issuer }));
  cleanups.push(() => mcp.kill());
  const guard = await startGuard({
    upstreams: [mcp.url],
    authUpstream: as.url,
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    authListen: '127.0.0.1:0',
    token: 'secret',
    ...options,
  });
  cleanups.push(() => guard.stop());
  const issuer = guard.authUrl!;
  const resource = `${guard.listenUrl}/mcp`;
  as.serveAs(issuer);
  return { as, guard, issuer, resource };
}

interface Caller {
  call(): Promise<unknown>;
}

/** A connected client whose token then expires. */
const connect: Record<string, (wallet: Wallet, resource: string) => Promise<Caller>> = {
  v1: async ({ provider }, resource) => {
    const client = new ClientV1({ name: 'test', version: '1' });
    await client.connect(new TransportV1(new URL(resource), { authProvider: provider }));
    cleanups.push(() => client.close());
    return { call: () => client.callTool({ name: 'hello' }) };
  },
  v2: async ({ provider }, resource) => {
    const client = new ClientV2({ name: 'test', version: '1' });
    const authProvider = provider as ConstructorParameters<typeof TransportV2>[1] extends infer O
      ? NonNullable<O> extends { authProvider?: infer P }
        ? P
        : never
      : never;
    await client.connect(new TransportV2(new URL(resource), { authProvider }));
    cleanups.push(() => client.close());
    return { call: () => client.callTool({ name: 'hello' }) };
  },
};

/** Connects with good tokens, then makes the access token one that the server does not take. */
async function expired(kind: string, { as, resource }: World): Promise<{ wallet: Wallet; caller: Caller }> {
  const wallet = makeWallet(await as.mint(resource));
  const caller = await connect[kind]!(wallet, resource);
  as.refreshes.length = 0;
  wallet.tokens = { ...wallet.tokens!, access_token: 'expired' };
  return { wallet, caller };
}

async function eightCalls(caller: Caller): Promise<number> {
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => caller.call()));
  return results.filter(({ status }) => status === 'fulfilled').length;
}

const counts = async ({ adminUrl }: Guard) => ({
  ok: await metric(adminUrl, 'mcp_token_refresh_total{outcome="ok"}'),
  coalesced: await metric(adminUrl, 'mcp_token_refresh_coalesced_total'),
  upstream: await metric(adminUrl, 'mcp_token_refresh_upstream_total'),
});

describe.each(['v1', 'v2'])(
  'eight parallel calls of an official %s client whose token has expired',
  (kind) => {
    it('are one refresh, and all of them succeed', async () => {
      const one = await world();
      const { wallet, caller } = await expired(kind, one);
      one.as.delayMs = 100;
      expect(await eightCalls(caller)).toBe(8);
      expect(one.as.refreshes).toHaveLength(1);
      expect(wallet).toMatchObject({ logIns: 0, invalidated: [] });
      expect(one.as.revoked).toBe(0);
      expect(await counts(one.guard)).toEqual({ ok: 9, coalesced: 7, upstream: 2 });
    });

    it('lose the credential without coalescing', async () => {
      const one = await world({ levers: { TOKEN_REFRESH_COALESCE: 'off' } });
      const { wallet, caller } = await expired(kind, one);
      one.as.delayMs = 100;
      expect(await eightCalls(caller)).toBeLessThan(8);
      expect(one.as.refreshes.length).toBe(8);
      expect(wallet.logIns).toBeGreaterThan(0);
      expect(wallet.tokens).toBeUndefined();
    });

    it.each([
      ['429 with a page', 429, 'text/html', '<h1>Too many</h1>'],
      ['429 with an error of its own', 429, 'application/json', '{"error":"rate_limited"}'],
      ['500 with server_error', 500, 'application/json', '{"error":"server_error"}'],
      ['502 with a page', 502, 'text/html', '<h1>Bad gateway</h1>'],
      ['200 with a page', 200, 'text/html', '<h1>Log in</h1>'],
    ])('keep their tokens when the server answers %s', async (_, status, type, body) => {
      const one = await world();
      const { wallet, caller } = await expired(kind, one);
      const before = wallet.tokens;
      one.as.instead = (_req, res) =>
        void res.writeHead(status, { 'content-type': type, 'retry-after': '60' }).end(body);
      expect(await eightCalls(caller)).toBe(0);
      expect(wallet).toMatchObject({ logIns: 0, invalidated: [], tokens: before });
    });
  },
);
