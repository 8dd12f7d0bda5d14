/** What of tool calls shows on the wire only: half answers, forms, batches, cancellations; bare servers say it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Guard, GuardLevers, type GuardOptions, startGuard } from '../../src/guard/index.ts';
import { eventually, initialize, metric, post } from './guard-fixtures.ts';

const TOKEN = 'secret';

interface Seen {
  readonly headers: IncomingMessage['headers'];
  readonly body: { id?: number; method?: string; params?: Record<string, unknown> };
  closed: boolean;
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** A server that opens session `s` and leaves tool calls to `answer`. */
async function server(
  answer: (res: ServerResponse, seen: Seen) => void,
): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const one = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = JSON.parse(String(Buffer.concat(chunks)) || '{}') as Seen['body'];
      const request = { headers: req.headers, body, closed: false };
      seen.push(request);
      res.on('close', () => {
        request.closed = !res.writableFinished;
      });
      if (body.method === 'initialize') {
        res.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's' });
        res.end('{"jsonrpc":"2.0","id":1,"result":{}}');
      } else if (Array.isArray(body) || body.method === 'tools/call') answer(res, request);
      else res.writeHead(202).end();
    });
  });
  await new Promise<void>((resolve) => {
    one.listen(0, '127.0.0.1', resolve);
  });
  cleanups.push(() => {
    one.closeAllConnections();
    one.close();
  });
  return { url: `http://127.0.0.1:${(one.address() as AddressInfo).port}`, seen };
}

async function guard({ url }: { url: string }, levers: GuardOptions['levers'] = {}): Promise<Guard> {
  const one = await startGuard({
    upstreams: [url],
    levers,
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    token: TOKEN,
  });
  cleanups.push(() => one.stop());
  return one;
}

const work = (id: number | string, args: object = {}) =>
  ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'work', arguments: args } }) as const;
const call = (one: Guard, headers: Record<string, string> = {}, id: number | string = 7) =>
  post(one.listenUrl, JSON.stringify(work(id)), headers);
const done = (id: number) => `{"jsonrpc":"2.0","id":${id},"result":{"content":[]}}`;
const stream = (res: ServerResponse) => res.writeHead(200, { 'content-type': 'text/event-stream' });
const ended = ({ adminUrl }: Guard, outcome: string) =>
  metric(adminUrl, `mcp_tool_calls_total{tool="work",outcome="${outcome}"}`);
const SESSION = { 'mcp-session-id': 's', 'mcp-protocol-version': '2025-11-25' };

interface ToolResult {
  readonly id: unknown;
  readonly result: {
    readonly content: { readonly text: string }[];
    readonly isError: boolean;
    resultType?: string;
  };
}

describe('an answer that has begun at the deadline', () => {
  it('gets the words as its last event, after the event it was in the middle of', async () => {
    const half = 'event: message\ndata: {"method":"notifications/progress","params":{"progress":';
    const upstream = await server((res) => {
      stream(res).write(`: hello\n\n${half}`);
      setTimeout(() => res.write('1}}\n'), 400);
      setTimeout(() => res.write('\ndata: never'), 600);
    });
    const one = await guard(upstream, { TOOL_TIMEOUT_SECONDS: '0.2' });
    const text = await (await call(one)).text();
    const events = text.split('\n\n');
    expect(events.slice(0, 2)).toEqual([': hello', `${half}1}}`]);
    const last = JSON.parse(events[2]!.split('\ndata: ')[1]!) as ToolResult;
    expect(last).toMatchObject({ id: 7, result: { isError: true } });
    expect(events.slice(3)).toEqual(['']);
    await eventually(() => upstream.seen[0]!.closed, Boolean);
    expect(await ended(one, 'timeout')).toBe(1);
  });

  it('is cut when it is no event stream, and when the event never ends', async () => {
    const upstream = await server((res, { body }) => {
      if (body.id === 7) res.writeHead(200, { 'content-type': 'application/json' }).write('{"jsonrpc":');
      else stream(res).write('data: {"half":');
    });
    const one = await guard(upstream, { TOOL_TIMEOUT_SECONDS: '0.2' });
    await expect((await call(one)).text()).rejects.toThrow();
    await expect((await call(one, {}, 8)).text()).rejects.toThrow();
    await eventually(() => upstream.seen.every(({ closed }) => closed), Boolean);
    expect(await ended(one, 'timeout')).toBe(2);
    expect(await metric(one.adminUrl, 'mcp_tool_inflight{tool="work"}')).toBe(0);
  });

  it('is left alone when the answer has passed on a stream that the server keeps open', async () => {
    const upstream = await server((res) => stream(res).write(`data: ${done(7)}\n\n`));
    const one = await guard(upstream, { TOOL_TIMEOUT_SECONDS: '0.2' });
    const leaving = new AbortController();
    const answer = await post(one.listenUrl, JSON.stringify(work(7)), {}, leaving.signal);
    const reader = answer.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('"result"');
    await eventually(
      () => ended(one, 'ok'),
      (count) => count === 1,
    );
    expect(upstream.seen[0]!.closed).toBe(false);
    leaving.abort();
    await eventually(() => upstream.seen[0]!.closed, Boolean);
    expect(await ended(one, 'cancelled')).toBe(0);
  });
});

describe('the cancellation of a call', () => {
  it('goes into its session, with its own id, credentials and version', async () => {
    const upstream = await server(() => {});
    const one = await guard(upstream, { TOOL_TIMEOUT_SECONDS: '0.1' });
    await (await initialize(one.listenUrl)).text();
    const answer = await call(one, { ...SESSION, authorization: 'Bearer x' }, 'seven');
    expect(((await answer.json()) as ToolResult).result.content[0]!.text).toContain('it was cancelled');
    const cancel = await eventually(
      () => upstream.seen.find(({ body }) => body.method === 'notifications/cancelled'),
      (found) => found !== undefined,
    );
    expect(cancel!.headers).toMatchObject({ ...SESSION, authorization: 'Bearer x' });
    expect(cancel!.body.params).toMatchObject({
      requestId: 'seven',
      reason: expect.stringContaining('0.1 s'),
    });
    await eventually(() => upstream.seen[1]!.closed, Boolean);
  });

  it('cannot be said without a session, and the agent is told so', async () => {
    const upstream = await server(() => {});
    const one = await guard(upstream, { TOOL_TIMEOUT_SECONDS: '0.1' });
    const { result } = (await (await call(one)).json()) as ToolResult;
    expect(result.content[0]!.text).toMatch(/given up; the server may still be working on it.*unknown/);
    await eventually(() => upstream.seen[0]!.closed, Boolean);
    expect(upstream.seen).toHaveLength(1);
  });

  it('by the client passes untouched, and ends the call in the counts', async () => {
    const upstream = await server(() => {});
    const one = await guard(upstream);
    await (await initialize(one.listenUrl)).text();
    const leaving = new AbortController();
    const answer = post(one.listenUrl, JSON.stringify(work(7)), SESSION, leaving.signal);
    await eventually(
      () => upstream.seen.length,
      (count) => count === 2,
    );
    const notice = {
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 7, reason: 'enough' },
    };
    expect((await post(one.listenUrl, JSON.stringify(notice), SESSION)).status).toBe(202);
    expect(upstream.seen[2]!.body).toEqual(notice);
    expect(await ended(one, 'cancelled')).toBe(1);
    expect(await metric(one.adminUrl, 'mcp_tool_inflight{tool="work"}')).toBe(0);
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await eventually(() => upstream.seen[1]!.closed, Boolean);
    expect(await ended(one, 'cancelled')).toBe(1);
  });
});

describe('a refusal', () => {
  it('has the form that the client accepts, and the request id', async () => {
    const upstream = await server((res, { body }) => res.end(done(body.id!)));
    const one = await guard(upstream, { TOOL_BREAKER: 'open' });
    const json = await call(one, {}, 'a"b');
    expect(json.headers.get('content-type')).toBe('application/json');
    expect(await json.json()).toMatchObject({ jsonrpc: '2.0', id: 'a"b', result: { isError: true } });
    const events = await call(one, { accept: 'text/event-stream' });
    expect(events.headers.get('content-type')).toBe('text/event-stream');
    expect(await events.text()).toMatch(/^event: message\ndata: \{"jsonrpc":"2.0","id":7,.*\}\n\n$/);
    const modern = await call(one, { 'mcp-protocol-version': '2026-07-28' });
    expect(((await modern.json()) as ToolResult).result.resultType).toBe('complete');
    expect(upstream.seen).toHaveLength(0);
  });

  it('does not hide from a client that its session is lost', async () => {
    const upstream = await server((res) => res.writeHead(404).end());
    const one = await guard(upstream);
    await (await initialize(one.listenUrl)).text();
    expect((await call(one, SESSION)).status).toBe(404);
    await new GuardLevers(one.adminUrl, TOKEN).set('TOOL_BREAKER', 'open', { reason: 'test', actor: 'ada' });
    expect((await call(one, SESSION)).status).toBe(404);
    expect(await ended(one, 'error')).toBe(1);
  });
});

describe('a batch with tool calls', () => {
  const batch = (one: Guard, ...messages: object[]) => post(one.listenUrl, JSON.stringify(messages), SESSION);
  const ping = { jsonrpc: '2.0', id: 'p', method: 'ping' };
  const answers = (res: ServerResponse) =>
    res.writeHead(200, { 'content-type': 'application/json' }).end(`[${done(1)},${done(2)}]`);

  it('passes whole, and each of its calls counts', async () => {
    const upstream = await server(answers);
    const one = await guard(upstream, { TOOL_MAX_CONCURRENCY: '2' });
    expect(await (await batch(one, work(1), work(2), ping)).text()).toBe(`[${done(1)},${done(2)}]`);
    expect(await ended(one, 'ok')).toBe(2);
    expect(upstream.seen[0]!.body).toEqual([work(1), work(2), ping]);
  });

  it('is answered whole when one of its calls may not pass', async () => {
    const upstream = await server(answers);
    const one = await guard(upstream, { TOOL_MAX_CONCURRENCY: '1' });
    const [first, second, third] = (await (await batch(one, work(1), work(2), ping)).json()) as [
      ToolResult,
      ToolResult,
      object,
    ];
    expect(first).toMatchObject({ id: 1, result: { isError: true } });
    expect(first.result.content[0]!.text).toContain('another call of the same batch');
    expect(second.result.content[0]!.text).toContain('as many calls in progress');
    expect(third).toMatchObject({ id: 'p', error: { code: -32_000 } });
    expect(upstream.seen).toHaveLength(0);
    expect(await ended(one, 'rejected_busy')).toBe(1);
    expect(await metric(one.adminUrl, 'mcp_tool_inflight{tool="work"}')).toBe(0);
    await (await batch(one, work(1), ping)).text();
    expect(upstream.seen).toHaveLength(1);
  });

  it('has a deadline, and a bound', async () => {
    const upstream = await server(() => {});
    const one = await guard(upstream, { TOOL_TIMEOUT_SECONDS: '0.1' });
    const results = (await (await batch(one, work(1), work(2))).json()) as ToolResult[];
    expect(results.map(({ id }) => id)).toEqual([1, 2]);
    expect(results[0]!.result.content[0]!.text).toContain('did not answer within 0.1 s');
    expect(await ended(one, 'timeout')).toBe(2);
    await eventually(
      () => upstream.seen.filter(({ body }) => body.method === 'notifications/cancelled').length,
      (count) => count === 2,
    );
    const long = await batch(one, ...Array.from({ length: 101 }, (_, id) => work(id)));
    expect(long.status).toBe(400);
  });
});
