/** The stampede of the stateless era (2026-07-28) through the guard: what reaches the upstream, and who gets what. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, it } from 'vitest';
import { type Guard, type GuardOptions, startGuard } from '../../src/guard/index.ts';
import { metric } from './guard-fixtures.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

interface Upstream {
  readonly url: string;
  /** How often each method was asked for. */
  readonly asked: Map<string, number>;
}

async function listen(handler: (req: IncomingMessage, res: ServerResponse) => unknown): Promise<string> {
  const server = createServer((req, res) => void handler(req, res));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A real server of the stateless era. */
async function sdkServer(scope: 'public' | 'private', ttlMs: number): Promise<Upstream> {
  const asked = new Map<string, number>();
  const hint = { ttlMs, cacheScope: scope };
  const handler = toNodeHandler(
    createMcpHandler(() => {
      const mcp = new McpServer(
        { name: 'stateless', version: '1.0.0' },
        { capabilities: { tools: {} }, cacheHints: { 'server/discover': hint, 'tools/list': hint } },
      );
      mcp.registerTool('whoami', {}, () => ({ content: [{ type: 'text', text: 'me' }] }));
      return mcp;
    }),
  );
  const url = await listen((req, res) => {
    const method = String(req.headers['mcp-method']);
    asked.set(method, (asked.get(method) ?? 0) + 1);
    return handler(req, res);
  });
  return { url, asked };
}

async function guard(upstreams: readonly string[], options: Partial<GuardOptions> = {}): Promise<Guard> {
  const one = await startGuard({ upstreams, listen: '127.0.0.1:0', admin: '127.0.0.1:0', ...options });
  cleanups.push(() => one.stop());
  return one;
}

async function connect({ listenUrl }: Guard, token?: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  const requestInit = token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${listenUrl}/mcp`), { requestInit }));
  cleanups.push(() => client.close());
  return client;
}

async function stampede(scope: 'public' | 'private', ttlMs: number, options: Partial<GuardOptions> = {}) {
  const upstream = await sdkServer(scope, ttlMs);
  const one = await guard([upstream.url], options);
  const connectAndList = async () => {
    const client = await connect(one);
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    return (await client.listTools()).tools.map(({ name }) => name);
  };
  const lists = await Promise.all(Array.from({ length: 300 }, connectAndList));
  for (const names of lists) expect(names).toEqual(['whoami']);
  return { upstream, one };
}

describe('300 clients of the official SDK that connect at once', () => {
  it('cost one discover and one tools/list when these are public and have a ttl', async () => {
    const { upstream, one } = await stampede('public', 60_000);
    expect(Object.fromEntries(upstream.asked)).toEqual({ 'server/discover': 1, 'tools/list': 1 });
    expect(await metric(one.adminUrl, 'mcp_initialize_total{outcome="ok"}')).toBe(1);
    const answered = async (how: string) => {
      const labels = `mcp_method_name="tools/list",result="${how}"`;
      return (await metric(one.adminUrl, `mcp_cache_requests_total{${labels}}`)) || 0;
    };
    expect(await answered('miss')).toBe(1);
    expect((await answered('hit')) + (await answered('shared'))).toBe(299);
  });

  it('all reach the server when its results are private', async () => {
    const { upstream } = await stampede('private', 60_000);
    expect(Object.fromEntries(upstream.asked)).toEqual({ 'server/discover': 300, 'tools/list': 300 });
  });

  it('all reach the server without the cache', async () => {
    const { upstream, one } = await stampede('public', 60_000, { cache: false });
    expect(Object.fromEntries(upstream.asked)).toEqual({ 'server/discover': 300, 'tools/list': 300 });
    expect(await metric(one.adminUrl, 'mcp_initialize_total{outcome="ok"}')).toBe(300);
  });
});
