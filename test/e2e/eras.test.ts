/** Both protocol eras through one guard, with the official clients, over upstreams of either kind. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { type Guard, type GuardOptions, startGuard } from '../../src/guard/index.ts';
import {
  connectEraClient,
  type EraServer,
  type EraServerOptions,
  type Mode,
  NEWER,
  newerRequest,
  startEraServer,
  whoami,
} from './era-fixtures.ts';
import { eventually, initialize, metric, post, startServer, type TestServer } from './guard-fixtures.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

async function guard(upstreams: readonly string[], options: Partial<GuardOptions> = {}): Promise<Guard> {
  const one = await startGuard({ upstreams, listen: '127.0.0.1:0', admin: '127.0.0.1:0', ...options });
  cleanups.push(() => one.stop());
  return one;
}

async function eraServer(options?: EraServerOptions): Promise<EraServer> {
  const one = await startEraServer(options);
  cleanups.push(() => one.kill());
  return one;
}

async function sessionServer(options?: Parameters<typeof startServer>[0]): Promise<TestServer> {
  const one = await startServer(options);
  cleanups.push(() => one.kill());
  return one;
}

async function raw(handler: RequestListener): Promise<string> {
  const one = createServer(handler);
  await new Promise<void>((resolve) => {
    one.listen(0, '127.0.0.1', resolve);
  });
  cleanups.push(() => {
    one.closeAllConnections();
    one.close();
  });
  return `http://127.0.0.1:${(one.address() as AddressInfo).port}`;
}

async function connect(one: Guard, mode: Mode) {
  const client = await connectEraClient(one.listenUrl, mode);
  cleanups.push(() => client.close());
  return client;
}

const methods = ({ seen }: EraServer) => seen.map(({ method }) => method);

describe('clients of each kind over one upstream', () => {
  const modes: readonly Mode[] = ['legacy', 'auto', { pin: NEWER }];

  it.each([
    ['legacy', '2025-11-25'],
    ['auto', NEWER],
    [{ pin: NEWER }, NEWER],
  ] as [Mode, string][])('%j speaks with a server of both eras: %s', async (mode, version) => {
    const upstream = await eraServer();
    const one = await guard([upstream.url]);
    const client = await connect(one, mode);
    expect(client.getNegotiatedProtocolVersion()).toBe(version);
    expect(await whoami(client)).toBe('dual');
    const progress: number[] = [];
    await client.callTool(
      { name: 'count', arguments: { to: 3 } },
      { onprogress: (at) => void progress.push(at.progress) },
    );
    expect(progress).toEqual([1, 2, 3]);
    expect((await client.callTool({ name: 'fail' })).isError).toBe(true);
    const series = (name: string, error: string) =>
      `mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call",gen_ai_tool_name="${name}",error_type="${error}",mcp_protocol_version="${version}"}`;
    await eventually(
      () => metric(one.adminUrl, series('whoami', '')),
      (count) => count === 1,
    );
    await eventually(
      () => metric(one.adminUrl, series('fail', 'tool_error')),
      (count) => count === 1,
    );
  });

  it.each(modes)('%j meets a server of sessions', async (mode) => {
    const upstream = await sessionServer();
    const one = await guard([upstream.url]);
    if (typeof mode === 'object') {
      await expect(connect(one, mode)).rejects.toThrow('did not offer pinned protocol version');
      return;
    }
    const client = await connect(one, mode);
    expect(client.getNegotiatedProtocolVersion()).toBe('2025-11-25');
    expect(await whoami(client)).toBe('server');
    expect(await metric(one.adminUrl, 'mcp_active_sessions')).toBe(1);
  });

  it.each(modes)('%j meets a server of the newer era only', async (mode) => {
    const upstream = await eraServer({ legacy: 'reject' });
    const one = await guard([upstream.url]);
    if (mode === 'legacy') {
      await expect(connect(one, mode)).rejects.toThrow();
      return;
    }
    const client = await connect(one, mode);
    expect(await whoami(client)).toBe('dual');
    expect(methods(upstream)).not.toContain('initialize');
  });
});

describe('the newer era', () => {
  it('knows no sessions: a session header neither routes nor makes nor loses one', async () => {
    const newer = await eraServer({ legacy: 'reject' });
    const older = await sessionServer();
    const one = await guard([newer.url, older.url]);
    const session = (await initialize(one.listenUrl)).headers.get('mcp-session-id')!;
    for (const id of [session, 'nobody-knows-it']) {
      const { body, headers } = newerRequest('tools/call', { name: 'whoami' });
      const answer = await post(one.listenUrl, body, {
        ...headers,
        'mcp-session-id': id,
        'last-event-id': '7',
      });
      expect(answer.status).toBe(200);
      expect(newer.seen.at(-1)!.headers).toMatchObject({ 'mcp-session-id': id, 'mcp-name': 'whoami' });
    }
    expect(await metric(one.adminUrl, 'mcp_active_sessions')).toBe(1);
    expect(await metric(one.adminUrl, 'mcp_sessions_lost_total')).toBe(0);
  });

  it('passes every header of the protocol, known or not', async () => {
    const upstream = await eraServer();
    const one = await guard([upstream.url]);
    const { body, headers } = newerRequest('tools/call', { name: 'whoami' });
    const more = { 'mcp-param-region': '=?base64?w7w=?=', 'mcp-future': 'x', tracestate: 'a=1' };
    await post(one.listenUrl, body, { ...headers, ...more });
    expect(upstream.seen[0]!.headers).toMatchObject({ ...headers, ...more });
  });

  it('a client that goes away closes the request to the upstream at once', async () => {
    const upstream = await eraServer();
    const one = await guard([upstream.url]);
    const leave = new AbortController();
    const { body, headers } = newerRequest('tools/call', { name: 'wait', arguments: { ms: 60_000 } });
    const answer = post(one.listenUrl, body, headers, leave.signal).catch(() => {});
    await eventually(
      () => upstream.seen.length,
      (count) => count === 1,
    );
    leave.abort();
    await eventually(() => upstream.seen[0]!.cut, Boolean);
    await answer;
    const labels = 'mcp_method_name="tools/call",gen_ai_tool_name="wait",error_type="cancelled"';
    const series = `mcp_server_operation_duration_seconds_count{${labels},mcp_protocol_version="${NEWER}"}`;
    await eventually(
      () => metric(one.adminUrl, series),
      (count) => count === 1,
    );
  });

  it('a stream that breaks before the answer is 502 with the request’s id, and within it is a break', async () => {
    const url = await raw((req, res) => {
      req.resume();
      if (req.headers['mcp-method'] === 'tools/list') res.destroy();
      else {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.write('data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\ndata: {"half', () =>
          res.destroy(),
        );
      }
    });
    const one = await guard([url]);
    const list = newerRequest('tools/list', {}, 'seven');
    const before = await post(one.listenUrl, list.body, list.headers);
    expect(before.status).toBe(502);
    expect(await before.json()).toMatchObject({ id: 'seven', error: { code: -32_000 } });
    const call = newerRequest('tools/call', { name: 'x' });
    const within = await post(one.listenUrl, call.body, call.headers);
    await expect(within.text()).rejects.toThrow();
  });
});

describe('subscriptions/listen', () => {
  it('is an open stream: counted, stamped, and off the way of calls', async () => {
    const upstream = await eraServer();
    const one = await guard([upstream.url], { levers: { RECONNECT_JITTER_SECONDS: '9' }, random: () => 0.5 });
    const client = await connect(one, 'auto');
    let changes = 0;
    client.setNotificationHandler('notifications/tools/list_changed', () => void (changes += 1));
    const subscriptions = await Promise.all(
      Array.from({ length: 20 }, () => client.listen({ toolsListChanged: true })),
    );
    expect(await metric(one.adminUrl, 'mcp_open_streams')).toBe(20);
    expect(await whoami(client)).toBe('dual');
    upstream.toolsChanged();
    await eventually(
      () => changes,
      (count) => count === 20,
    );
    await Promise.all(subscriptions.map((subscription) => subscription.close()));
    await eventually(
      () => metric(one.adminUrl, 'mcp_open_streams'),
      (count) => count === 0,
    );
    const { body, headers } = newerRequest('subscriptions/listen', {
      notifications: { toolsListChanged: true },
    });
    const leave = new AbortController();
    const answer = await post(one.listenUrl, body, headers, leave.signal);
    const first = await answer.body!.getReader().read();
    expect(new TextDecoder().decode(first.value)).toMatch(/^retry: 4500\n\n/);
    leave.abort();
  });

  it('ends when its upstream is lost, and not with an error in the middle', async () => {
    const upstream = await eraServer();
    const one = await guard([upstream.url], { levers: { RECONNECT_JITTER_SECONDS: '1' }, random: () => 0.3 });
    const client = await connect(one, 'auto');
    const subscription = await client.listen({ toolsListChanged: true });
    const lostAt = performance.now();
    await upstream.kill();
    expect(await subscription.closed).toBe('remote');
    expect(performance.now() - lostAt).toBeGreaterThan(200);
  });

  it('that is refused by the server within HTTP 200 is counted as an error', async () => {
    const upstream = await eraServer({ maxSubscriptions: 1 });
    const one = await guard([upstream.url]);
    const client = await connect(one, 'auto');
    await client.listen({ toolsListChanged: true });
    await expect(client.listen({ toolsListChanged: true })).rejects.toThrow('limit');
    const labels = 'mcp_method_name="subscriptions/listen",gen_ai_tool_name="",error_type="-32603"';
    const series = `mcp_server_operation_duration_seconds_count{${labels},mcp_protocol_version="${NEWER}"}`;
    await eventually(
      () => metric(one.adminUrl, series),
      (count) => count === 1,
    );
  });
});

describe('upstreams of different kinds', () => {
  it('each get what they speak, whatever the order in which clients come', async () => {
    const older = await sessionServer({ name: 'older' });
    const newer = await eraServer({ name: 'newer', legacy: 'reject' });
    const one = await guard([older.url, newer.url]);
    for (let round = 0; round < 4; round++) {
      expect(await whoami(await connect(one, 'legacy'))).toBe('older');
      expect(await whoami(await connect(one, 'auto'))).toBe('newer');
      expect(await whoami(await connect(one, { pin: NEWER }))).toBe('newer');
    }
    // Learned from one rejection each; after that nobody is sent to the wrong place.
    expect(methods(newer).filter((method) => method === 'initialize').length).toBeLessThanOrEqual(1);
    const strayed = older.requests.filter(({ headers }) => headers['mcp-protocol-version'] === NEWER);
    expect(strayed.length).toBeLessThanOrEqual(1);
    // Each client opened once, in whichever era.
    expect(await metric(one.adminUrl, 'mcp_initialize_total{outcome="ok"}')).toBe(12);
    expect(await metric(one.adminUrl, 'mcp_initialize_total{outcome="error"}')).toBe(0);
  });

  it('are learned anew when one is restarted as another kind', async () => {
    const first = await sessionServer({ name: 'first' });
    const second = await sessionServer({ name: 'second' });
    const one = await guard([first.url, second.url]);
    expect((await connect(one, 'auto')).getNegotiatedProtocolVersion()).toBe('2025-11-25');
    await second.kill();
    await eventually(
      () => metric(one.adminUrl, `mcp_upstream_up{upstream="${second.url}"}`),
      (up) => up === 0,
    );
    await eraServer({ name: 'newer', legacy: 'reject', port: second.port });
    await eventually(
      () => metric(one.adminUrl, `mcp_upstream_up{upstream="${second.url}"}`),
      (up) => up === 1,
    );
    expect(await whoami(await connect(one, 'auto'))).toBe('newer');
    expect(await whoami(await connect(one, 'legacy'))).toBe('first');
  });

  it('cannot be taken for another kind because somebody sends malformed requests', async () => {
    const older = await sessionServer({ name: 'older' });
    const newer = await eraServer({ name: 'newer', legacy: 'reject' });
    const one = await guard([older.url, newer.url]);
    const { headers } = newerRequest('server/discover');
    const bad = [
      '{"jsonrpc":"2.0","id":1,"method":"server/discover"}',
      '{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{}}}',
      newerRequest('no/such/method').body,
      newerRequest('initialize').body,
      'not json',
    ];
    for (const body of [...bad, ...bad]) {
      await post(one.listenUrl, body, headers);
      await post(one.listenUrl, body, { ...headers, 'content-type': 'text/plain' });
      await fetch(`${one.listenUrl}/mcp`, { headers: { ...headers, 'mcp-session-id': 'x' } });
    }
    for (let round = 0; round < 4; round++) {
      expect(await whoami(await connect(one, 'auto'))).toBe('newer');
      expect(await whoami(await connect(one, 'legacy'))).toBe('older');
    }
  });

  it('are told apart by the headers when the body is compressed', async () => {
    const older = await sessionServer({ name: 'older' });
    const received: string[] = [];
    const newer = await raw((req, res) => {
      received.push(String(req.headers['mcp-name']));
      req.resume();
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end('{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[]}}');
    });
    const one = await guard([older.url, newer]);
    const { body, headers } = newerRequest('tools/call', { name: 'zip' });
    for (let round = 0; round < 2; round++) {
      const answer = await fetch(`${one.listenUrl}/mcp`, {
        method: 'POST',
        headers: {
          ...headers,
          accept: 'application/json, text/event-stream',
          'content-type': 'application/json',
          'content-encoding': 'gzip',
        },
        body: gzipSync(body),
      });
      expect(answer.status).toBe(200);
    }
    expect(received).toEqual(['zip', 'zip']);
    const labels = 'mcp_method_name="tools/call",gen_ai_tool_name="zip",error_type=""';
    const series = `mcp_server_operation_duration_seconds_count{${labels},mcp_protocol_version="${NEWER}"}`;
    await eventually(
      () => metric(one.adminUrl, series),
      (count) => count === 2,
    );
  });

  it('a client without a session stays with servers that keep none', async () => {
    const sessions = await sessionServer({ name: 'sessions' });
    const stateless = await eraServer({ name: 'stateless' });
    const one = await guard([sessions.url, stateless.url]);
    const clients = await Promise.all([1, 2, 3, 4].map(() => connect(one, 'legacy')));
    const first = await Promise.all(clients.map(whoami));
    expect(new Set(first)).toEqual(new Set(['sessions', 'stateless']));
    for (let round = 0; round < 3; round++) expect(await Promise.all(clients.map(whoami))).toEqual(first);
  });
});

describe('a guard that cannot serve', () => {
  it('never makes an auto client change to the older era', async () => {
    const upstream = await eraServer();
    const levers = { MAX_INIT_PER_SECOND: '1', INIT_QUEUE_SECONDS: '0.1' };
    const one = await guard([upstream.url], { levers });
    await upstream.kill();
    const refusals = await Promise.allSettled(Array.from({ length: 20 }, () => connect(one, 'auto')));
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ status: 'rejected', reason: { data: { status: 503 } } });
    }
    // Discover is held as an opening is; a few were asked for all.
    expect(await metric(one.adminUrl, 'mcp_initialize_total{outcome="rejected"}')).toBeGreaterThan(0);
    const again = await eraServer({ port: upstream.port });
    await eventually(
      () => metric(one.adminUrl, `mcp_upstream_up{upstream="${upstream.url}"}`),
      (up) => up === 1,
    );
    const arrivals = await Promise.allSettled(Array.from({ length: 20 }, () => connect(one, 'auto')));
    for (const arrival of arrivals) {
      if (arrival.status === 'fulfilled') expect(arrival.value.getNegotiatedProtocolVersion()).toBe(NEWER);
      else expect(arrival.reason).toMatchObject({ data: { status: 503 } });
    }
    expect([...methods(upstream), ...methods(again)]).not.toContain('initialize');
  });

  it('refuses discover with 503 when too many come, and whoever comes again is served', async () => {
    const upstream = await eraServer();
    const levers = { MAX_INIT_PER_SECOND: '2', INIT_QUEUE_SECONDS: '0.2' };
    const one = await guard([upstream.url], { levers, cache: false });
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => connect(one, 'auto')));
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(5);
    for (const refusal of refused) expect(refusal).toMatchObject({ reason: { data: { status: 503 } } });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect((await connect(one, 'auto')).getNegotiatedProtocolVersion()).toBe(NEWER);
    expect(methods(upstream)).not.toContain('initialize');
  });

  it('never does so either while a server of the older era is still there', async () => {
    const older = await sessionServer({ name: 'older' });
    const newer = await eraServer({ name: 'newer' });
    const one = await guard([older.url, newer.url]);
    await connect(one, 'auto');
    await newer.kill();
    await eventually(
      () => metric(one.adminUrl, `mcp_upstream_up{upstream="${newer.url}"}`),
      (up) => up === 0,
    );
    await expect(connect(one, 'auto')).rejects.toMatchObject({ data: { status: 503 } });
    expect(await whoami(await connect(one, 'legacy'))).toBe('older');
    await eraServer({ name: 'newer', port: newer.port });
    await eventually(
      () => metric(one.adminUrl, `mcp_upstream_up{upstream="${newer.url}"}`),
      (up) => up === 1,
    );
    expect((await connect(one, 'auto')).getNegotiatedProtocolVersion()).toBe(NEWER);
  });
});
