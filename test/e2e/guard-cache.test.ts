/** The stampede of the stateless era (2026-07-28) through the guard: what reaches the upstream, and who gets what. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, it } from 'vitest';
import { type Guard, type GuardOptions, type LogEntry, startGuard } from '../../src/guard/index.ts';
import { eventually, metric } from './guard-fixtures.ts';

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

const VERSION = '2026-07-28';
const complete = { resultType: 'complete', cacheScope: 'public', ttlMs: 60_000 };

interface Ask {
  readonly method?: string;
  readonly id?: string | number;
  readonly token?: string;
  readonly params?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A bare request of the stateless era. */
function ask(
  { listenUrl }: Guard,
  { method = 'tools/list', id = 1, token, params, headers, signal }: Ask = {},
) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': VERSION,
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  return fetch(`${listenUrl}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': VERSION,
      'mcp-method': method,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { _meta: meta, ...params } }),
    signal,
  });
}

interface Raw {
  readonly url: string;
  /** The requests that have come, and have not been answered by the test. */
  readonly open: { readonly req: IncomingMessage; readonly res: ServerResponse; readonly id: unknown }[];
  count: number;
}

/** A server whose answers the test writes, or `answer` does. */
async function rawServer(
  answer?: (res: ServerResponse, id: unknown, req: IncomingMessage) => void,
): Promise<Raw> {
  const open: Raw['open'] = [];
  const raw = { url: '', open, count: 0 };
  raw.url = await listen(async (req, res) => {
    let text = '';
    for await (const chunk of req) text += String(chunk);
    raw.count += 1;
    const { id } = JSON.parse(text) as { id: unknown };
    if (answer) answer(res, id, req);
    else open.push({ req, res, id });
  });
  return raw;
}

function send(res: ServerResponse, id: unknown, result: object, headers: Record<string, string> = {}): void {
  res.writeHead(200, { 'content-type': 'application/json', ...headers });
  res.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
}

const shown = async (response: Response) => ({
  status: response.status,
  body: await response.json(),
});
const pause = (ms: number) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const text = (id: string, ttlMs: string) =>
  `{"result":{"tools":[],"max":18446744073709551615,"ttlMs":${ttlMs},"cacheScope":"public","resultType":"complete"},"jsonrpc":"2.0","id":${id}}`;

describe('a cached result', () => {
  it('carries the id of the request, what is left of its ttl, and otherwise what the server wrote', async () => {
    const upstream = await rawServer((res, id) => {
      res.writeHead(200, {
        'content-type': 'application/json',
        'access-control-allow-origin': '*',
        'x-secret': '1',
      });
      res.end(text(JSON.stringify(id), '60000'));
    });
    const one = await guard([upstream.url]);
    expect(await (await ask(one)).text()).toBe(text('1', '60000'));
    const second = await ask(one, { id: 'b' });
    const body = await second.text();
    const left = Number(/"ttlMs":(\d+)/.exec(body)![1]);
    expect(left).toBeLessThan(60_000);
    expect(left).toBeGreaterThan(0);
    expect(body).toBe(text('"b"', String(left)));
    expect(second.headers.get('access-control-allow-origin')).toBe('*');
    expect(second.headers.get('x-secret')).toBeNull();
    expect(upstream.count).toBe(1);
  });

  it('is a line in the log of requests too, whoever answered', async () => {
    const upstream = await rawServer((res, id) => {
      res.writeHead(200, { 'content-type': 'application/json' }).end(text(JSON.stringify(id), '60000'));
    });
    const entries: LogEntry[] = [];
    const one = await guard([upstream.url], { logRequests: 'all', log: (entry) => void entries.push(entry) });
    for (const id of ['a', 'b']) await (await ask(one, { id })).text();
    expect(entries.filter(({ event }) => event === 'request')).toMatchObject([
      { 'jsonrpc.request.id': 'a', 'server.address': upstream.url, 'http.response.status_code': 200 },
      { 'jsonrpc.request.id': 'b', 'server.address': null, 'http.response.status_code': 200 },
    ]);
  });

  it('is given to no credential that the server has not accepted for it', async () => {
    const allowed = new Set(['ada', 'bob']);
    const upstream = await rawServer((res, id, req) => {
      if (allowed.has(req.headers.authorization?.slice(7) ?? '')) send(res, id, complete);
      else res.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
    });
    const one = await guard([upstream.url]);
    const statuses = async (...tokens: (string | undefined)[]) =>
      (await Promise.all(tokens.map((token) => ask(one, { token })))).map(({ status }) => status);
    expect(await statuses('ada')).toEqual([200]);
    expect(await statuses('eve', undefined, 'ada', 'ADA')).toEqual([401, 401, 200, 401]);
    expect(upstream.count).toBe(4);
    expect(await statuses('bob')).toEqual([200]);
    expect(await statuses('bob', 'ada', 'bob')).toEqual([200, 200, 200]);
    expect(upstream.count).toBe(5);
    // For another request the credential has to be accepted anew.
    allowed.delete('bob');
    expect((await ask(one, { token: 'ada', method: 'prompts/list' })).status).toBe(200);
    expect((await ask(one, { token: 'bob', method: 'prompts/list' })).status).toBe(401);
  });

  it.each([
    ['private', { ...complete, cacheScope: 'private' }, {}],
    ['interim', { ...complete, resultType: 'input_required' }, {}],
    ['with a cookie', complete, { 'set-cookie': 'a=b' }],
    ['not to be stored', complete, { 'cache-control': 'no-store' }],
    ['for one user agent', complete, { vary: 'Accept, User-Agent' }],
  ])('is never one that is %s', async (_name, result, headers) => {
    const upstream = await rawServer((res, id) => send(res, id, result, headers));
    const one = await guard([upstream.url]);
    for (let round = 0; round < 3; round++) expect((await ask(one)).status).toBe(200);
    expect(upstream.count).toBe(3);
  });

  it.each([
    ['URL', {}, '?x'],
    ['params', { params: { cursor: 'x' } }, ''],
    ['language', { headers: { 'accept-language': 'fr' } }, ''],
    ['tenant', { headers: { 'x-tenant': 'x' } }, ''],
    ['contradicted method', { headers: { 'mcp-method': 'prompts/list' } }, ''],
    ['wish for a new one', { headers: { 'cache-control': 'no-cache' } }, ''],
    ['further round', { params: { requestState: 'x' } }, ''],
  ] satisfies [string, Ask, string][])(
    'is not given to a request with another %s',
    async (_name, other, search) => {
      const upstream = await rawServer((res, id) => send(res, id, complete));
      const one = await guard([upstream.url]);
      await ask(one);
      if (search === '') await ask(one, other);
      else {
        const url = `${one.listenUrl}/mcp${search}`;
        const { listenUrl } = one;
        expect(url.startsWith(listenUrl)).toBe(true);
        await ask({ ...one, listenUrl: `${listenUrl}/mcp${search}#` }, other);
      }
      expect(upstream.count).toBe(2);
      await ask(one);
      expect(upstream.count).toBe(2);
    },
  );

  it('is shared by resources/read for one uri, also when the header encodes it', async () => {
    const upstream = await rawServer((res, id) => send(res, id, complete));
    const one = await guard([upstream.url]);
    const uri = 'file:///ü';
    const encoded = `=?base64?${Buffer.from(uri).toString('base64')}?=`;
    const read = (name: string) =>
      ask(one, { method: 'resources/read', params: { uri }, headers: { 'mcp-name': name } });
    await read(encoded);
    await read(encoded);
    expect(upstream.count).toBe(1);
    await read('file:///u');
    expect(upstream.count).toBe(2);
  });
});

describe('identical requests on their way', () => {
  it('are one: it goes on without the client that came first, and is given up without any', async () => {
    const upstream = await rawServer();
    const one = await guard([upstream.url]);
    const leaving = new AbortController();
    const first = ask(one, { signal: leaving.signal });
    await eventually(
      () => upstream.open.length,
      (open) => open === 1,
    );
    const second = ask(one, { id: 'b' });
    await pause(100);
    leaving.abort();
    await expect(first).rejects.toThrow();
    await pause(100);
    const { res, id } = upstream.open[0]!;
    expect(res.destroyed).toBe(false);
    send(res, id, complete);
    expect(await shown(await second)).toMatchObject({ status: 200, body: { id: 'b', result: complete } });
    expect(upstream.count).toBe(1);

    const both = new AbortController();
    const others = [1, 2].map(() => ask(one, { params: { cursor: 'x' }, signal: both.signal }));
    await eventually(
      () => upstream.open.length,
      (open) => open === 2,
    );
    await pause(100);
    both.abort();
    await Promise.allSettled(others);
    await eventually(() => upstream.open[1]!.res.destroyed, Boolean);
    expect(upstream.count).toBe(2);
  });

  it('do not wait for a client that does not read, nor for one whose stream has only begun', async () => {
    const upstream = await rawServer();
    const one = await guard([upstream.url]);
    const { hostname, port } = new URL(one.listenUrl);
    const idle = connectTcp(Number(port), hostname);
    cleanups.push(() => idle.destroy());
    idle.pause();
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/list',
      params: {
        _meta: {
          'io.modelcontextprotocol/protocolVersion': VERSION,
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    });
    const head = `POST /mcp HTTP/1.1\r\nhost: ${hostname}\r\nmcp-protocol-version: ${VERSION}\r\nmcp-method: tools/list\r\naccept-language: *\r\ncontent-length: ${body.length}\r\n\r\n`;
    idle.write(head + body);
    await eventually(
      () => upstream.open.length,
      (open) => open === 1,
    );
    const second = ask(one);
    await pause(100);
    const { res, id } = upstream.open[0]!;
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(`data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n`);
    const result = { ...complete, text: 'x'.repeat(900_000) };
    res.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`);
    expect(await shown(await second)).toMatchObject({ status: 200, body: { id: 1, result } });
    expect(upstream.count).toBe(1);
  });

  it('are asked for once more when the server breaks off, and then told to come back', async () => {
    const upstream = await rawServer((res) => {
      setTimeout(() => res.destroy(), 100);
    });
    const one = await guard([upstream.url]);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(one)));
    expect(upstream.count).toBe(2);
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([502, 502, ...Array.from({ length: 18 }, () => 503)]);
    const refusal = answers.find(({ status }) => status === 503)!;
    expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refusal.json()).toMatchObject({ id: 1, error: { code: -32_000 } });
  });
});

describe('when the server fails', () => {
  it('a result past its time is given, and says that it is not fresh', async () => {
    let works = true;
    const upstream = await rawServer((res, id) => {
      if (works) send(res, id, { ...complete, ttlMs: 1 });
      else res.writeHead(500).end();
    });
    const one = await guard([upstream.url]);
    await ask(one);
    works = false;
    await pause(20);
    expect(await shown(await ask(one))).toMatchObject({ status: 200, body: { result: { ttlMs: 0 } } });
    expect((await ask(one, { token: 'eve' })).status).toBe(500);
    const labels = 'mcp_method_name="tools/list",result="stale"';
    expect(await metric(one.adminUrl, `mcp_cache_requests_total{${labels}}`)).toBe(1);
  });

  it('or hangs, nobody waits for long, and the result is renewed when it comes after all', async () => {
    const upstream = await rawServer();
    const one = await guard([upstream.url]);
    const first = ask(one);
    await eventually(
      () => upstream.open.length,
      (open) => open === 1,
    );
    send(upstream.open[0]!.res, upstream.open[0]!.id, { ...complete, ttlMs: 1 });
    await first;
    await pause(20);
    const late = await Promise.all([ask(one), ask(one)]);
    for (const answer of late)
      expect(await shown(answer)).toMatchObject({ status: 200, body: { result: { ttlMs: 0 } } });
    expect(upstream.count).toBe(2);
    send(upstream.open[1]!.res, upstream.open[1]!.id, complete);
    await pause(50);
    expect(await shown(await ask(one))).toMatchObject({ body: { result: { cacheScope: 'public' } } });
    expect(upstream.count).toBe(2);
  });

  it('clients still connect while nothing listens any more', async () => {
    const upstream = await sdkServer('public', 1);
    const one = await guard([upstream.url]);
    await (await connect(one)).listTools();
    await cleanups.splice(0, 1)[0]!();
    await eventually(
      () => metric(one.adminUrl, `mcp_upstream_up{upstream="${upstream.url}"}`),
      (up) => up === 0,
    );
    const client = await connect(one);
    expect(client.getNegotiatedProtocolVersion()).toBe(VERSION);
    expect((await client.listTools()).tools).toHaveLength(1);
  });
});

describe('openings of the stateless era', () => {
  it('are paced, and refused with 503 and a time to come back', async () => {
    const upstream = await rawServer((res, id) =>
      send(res, id, { ...complete, cacheScope: 'private', supportedVersions: [VERSION], capabilities: {} }),
    );
    const one = await guard([upstream.url], {
      levers: { MAX_INIT_PER_SECOND: '1', INIT_QUEUE_SECONDS: '0.2' },
    });
    const discover = { method: 'server/discover' };
    const answers = await Promise.all(Array.from({ length: 10 }, (_, id) => ask(one, { ...discover, id })));
    const refused = answers.filter(({ status }) => status === 503);
    expect(answers.length - refused.length).toBe(upstream.count);
    expect(refused.length).toBeGreaterThanOrEqual(8);
    for (const refusal of refused) expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0);
    const total = async (outcome: string) =>
      metric(one.adminUrl, `mcp_initialize_total{outcome="${outcome}"}`);
    expect(await total('ok')).toBe(upstream.count);
    expect((await total('ok')) + (await total('rejected'))).toBe(10);
    expect(await metric(one.adminUrl, 'mcp_initialize_queue_depth')).toBe(0);
    // What comes after it is not held.
    expect((await ask(one)).status).toBe(200);
  });
});

describe('a change that the server tells', () => {
  it('removes the list that it is about, once for all streams', async () => {
    const streams: ServerResponse[] = [];
    const upstream = await rawServer((res, id, req) => {
      if (req.headers['mcp-method'] !== 'subscriptions/listen') send(res, id, complete);
      else {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.flushHeaders();
        streams.push(res);
      }
    });
    const one = await guard([upstream.url]);
    const over = new AbortController();
    cleanups.push(() => over.abort());
    const readers = await Promise.all(
      [1, 2, 3].map(async (id) => {
        const { body } = await ask(one, { method: 'subscriptions/listen', id, signal: over.signal });
        return body!.getReader();
      }),
    );
    await ask(one);
    await ask(one, { method: 'prompts/list' });
    upstream.count = 0;
    const note = `event: message\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n`;
    streams[0]!.write(note.slice(0, 40));
    await pause(20);
    streams[0]!.write(note.slice(40));
    const decoder = new TextDecoder();
    let heard = '';
    while (heard.length < note.length) heard += decoder.decode((await readers[0]!.read()).value);
    expect(heard).toBe(note);
    await ask(one);
    expect(upstream.count).toBe(1);
    for (const [index, stream] of streams.slice(1).entries()) {
      stream.write(note);
      await readers[index + 1]!.read();
      await ask(one);
    }
    await ask(one, { method: 'prompts/list' });
    expect(upstream.count).toBe(1);
    streams[1]!.write(note);
    await readers[1]!.read();
    await ask(one);
    expect(upstream.count).toBe(2);
  });
});
