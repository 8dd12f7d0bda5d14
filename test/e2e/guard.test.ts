import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type Guard,
  GuardLevers,
  type GuardOptions,
  type LogEntry,
  startGuard,
} from '../../src/guard/index.ts';
import {
  connectClient,
  eventually,
  initialize,
  initializeBody,
  metric,
  post,
  startServer,
  type TestClient,
  type TestServer,
  type TestServerOptions,
} from './guard-fixtures.ts';
import { MAIN } from './program.ts';

const TOKEN = 'secret';
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

async function server(options?: TestServerOptions): Promise<TestServer> {
  const one = await startServer(options);
  cleanups.push(() => one.kill());
  return one;
}

async function guard(upstreams: readonly string[], options: Partial<GuardOptions> = {}): Promise<Guard> {
  const one = await startGuard({
    upstreams,
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    token: TOKEN,
    drainSeconds: 1,
    ...options,
  });
  cleanups.push(() => one.stop());
  return one;
}

async function client({ listenUrl }: Guard): Promise<TestClient> {
  const one = await connectClient(listenUrl);
  cleanups.push(() => one.client.close());
  return one;
}

async function raw(handler: Parameters<typeof createServer>[1]): Promise<{ url: string; server: Server }> {
  const one = createServer(handler);
  await new Promise<void>((resolve) => {
    one.listen(0, '127.0.0.1', resolve);
  });
  cleanups.push(() => {
    one.closeAllConnections();
    one.close();
  });
  return { url: `http://127.0.0.1:${(one.address() as AddressInfo).port}`, server: one };
}

const whoami = async ({ client: one }: TestClient): Promise<string> => {
  const result = await one.callTool({ name: 'whoami' });
  return (result.content as { text: string }[])[0]!.text;
};
const by = { reason: 'test', actor: 'ada' };

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
}

/** The status of a GET that names another host than it connects to. */
function statusFor(url: string, host: string, target = new URL(url).pathname): Promise<number> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => {
      socket.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    });
    socket.once('data', (data) => {
      resolve(Number(data.toString().split(' ')[1]));
      socket.destroy();
    });
  });
}

describe('a real client through the guard', () => {
  it.each([{ json: true }, { json: false }])(
    'initializes, calls, gets notifications and ends its session (%o)',
    async ({ json }) => {
      const upstream = await server({ json });
      const one = await guard([upstream.url]);
      const { client: mcp, transport, notifications } = await client(one);
      expect(await metric(one.adminUrl, 'mcp_active_sessions')).toBe(1);
      await eventually(() => upstream.requests.some(({ method }) => method === 'GET'), Boolean);
      await mcp.callTool({ name: 'later' });
      await eventually(
        () => notifications,
        (list) => list.length === 1,
      );
      await transport.terminateSession();
      expect(upstream.sessions.size).toBe(0);
      expect(await metric(one.adminUrl, 'mcp_active_sessions')).toBe(0);
      expect(await metric(one.adminUrl, 'mcp_sessions_lost_total')).toBe(0);
      expect(await metric(one.adminUrl, 'mcp_initialize_total{outcome="ok"}')).toBe(1);
      expect(await metric(one.adminUrl, 'mcp_initialize_duration_seconds_count')).toBe(1);
      const labels =
        'mcp_method_name="tools/call",gen_ai_tool_name="later",error_type="",mcp_protocol_version="2025-11-25"';
      expect(await metric(one.adminUrl, `mcp_server_operation_duration_seconds_count{${labels}}`)).toBe(1);
    },
  );

  it('passes trace context and credentials on, and tells the upstream who asked', async () => {
    const upstream = await server();
    const one = await guard([upstream.url]);
    await post(one.listenUrl, initializeBody, {
      traceparent: '00-1-2-01',
      authorization: 'Bearer x',
      connection: 'close',
    });
    expect(upstream.requests[0]!.headers).toMatchObject({
      traceparent: '00-1-2-01',
      authorization: 'Bearer x',
      host: `127.0.0.1:${upstream.port}`,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': new URL(one.listenUrl).host,
    });
  });

  it('is led back through the guard by a redirect of the upstream to itself', async () => {
    const one = await guard([
      (
        await raw((req, res) => {
          req.resume();
          if (req.url === '/mcp') res.writeHead(307, { location: `http://${req.headers.host}/mcp/` }).end();
          else res.end(req.url);
        })
      ).url,
    ]);
    const response = await post(one.listenUrl, initializeBody);
    expect(await response.text()).toBe('/mcp/');
    expect(response.url).toBe(`${one.listenUrl}/mcp/`);
  });

  it('that names its target as to a proxy reaches that path of the upstream, and nothing else', async () => {
    const seen: (string | undefined)[] = [];
    const { url } = await raw((req, res) => {
      seen.push(req.url);
      res.end('{}');
    });
    const one = await guard([url]);
    expect(await statusFor(one.listenUrl, '127.0.0.1', 'http://169.254.169.254/latest?a')).toBe(200);
    expect(seen).toEqual(['/latest?a']);
  });

  it('takes an upstream that is named by its MCP endpoint', async () => {
    const upstream = await server();
    const one = await guard([`${upstream.url}/mcp`]);
    expect(await whoami(await client(one))).toBe('server');
  });
});

const operations = (labels: string) =>
  `mcp_server_operation_duration_seconds_count{${labels},mcp_protocol_version="2025-11-25"}`;

describe('failures within HTTP 200', () => {
  it('are counted by their JSON-RPC code, or as tool_error', async () => {
    const upstream = await server({ json: false });
    const one = await guard([upstream.url]);
    const { client: mcp } = await client(one);
    expect((await mcp.callTool({ name: 'nonesuch' })).isError).toBe(true);
    await expect(mcp.request({ method: 'no/such' }, z.any())).rejects.toThrow();
    const failed = 'mcp_method_name="tools/call",gen_ai_tool_name="nonesuch",error_type="tool_error"';
    const unknown = 'mcp_method_name="_OTHER",gen_ai_tool_name="",error_type="-32601"';
    await eventually(
      () => metric(one.adminUrl, operations(failed)),
      (count) => count === 1,
    );
    await eventually(
      () => metric(one.adminUrl, operations(unknown)),
      (count) => count === 1,
    );
  });
});

describe('what the guard adds', () => {
  it('is a small delay, measured beside the direct way', async () => {
    const { url } = await raw((req, res) => {
      req.resume();
      req.once('end', () => {
        res.setHeader('content-type', 'application/json');
        res.end('{"jsonrpc":"2.0","id":1,"result":{}}');
      });
    });
    const one = await guard([url]);
    const direct: number[] = [];
    const through: number[] = [];
    for (let round = 0; round < 300; round++) {
      for (const [target, times] of [
        [url, direct],
        [one.listenUrl, through],
      ] as const) {
        const begun = performance.now();
        await (await post(target, '{"jsonrpc":"2.0","id":1,"method":"ping"}')).text();
        times.push(performance.now() - begun);
      }
    }
    expect(median(through) - median(direct)).toBeLessThan(5);
  });
});

describe('several upstreams', () => {
  it('keep each session on its own, and spread new ones', async () => {
    const servers = await Promise.all(['a', 'b'].map((name) => server({ name })));
    const one = await guard(servers.map(({ url }) => url));
    const clients = await Promise.all(Array.from({ length: 6 }, () => client(one)));
    const names = await Promise.all(clients.map(whoami));
    expect(names.filter((name) => name === 'a')).toHaveLength(3);
    expect(await Promise.all(clients.map(whoami))).toEqual(names);
    expect(await metric(one.adminUrl, `mcp_upstream_sessions{upstream="${servers[0]!.url}"}`)).toBe(3);
  });

  it('are drained by the lever and come back without cutting a session', async () => {
    const [a, b] = await Promise.all(['a', 'b'].map((name) => server({ name })));
    const one = await guard([a!.url, b!.url]);
    const levers = new GuardLevers(one.adminUrl, TOKEN);
    const clients = [await client(one), await client(one)];
    expect((await Promise.all(clients.map(whoami))).toSorted()).toEqual(['a', 'b']);
    await levers.set('UPSTREAMS', a!.url, by);
    expect(await Promise.all([1, 2].map(async () => whoami(await client(one))))).toEqual(['a', 'a']);
    expect((await Promise.all(clients.map(whoami))).toSorted()).toEqual(['a', 'b']);
    await levers.reset('UPSTREAMS', 'ada');
    expect(await whoami(await client(one))).toBe('b');
    expect((await Promise.all(clients.map(whoami))).toSorted()).toEqual(['a', 'b']);
    expect(await metric(one.adminUrl, 'mcp_sessions_lost_total')).toBe(0);
  });

  it('that have gone are no place for a client of theirs that has waited meanwhile', async () => {
    const [old, next] = [await server({ name: 'old' }), await server({ name: 'next' })];
    const one = await guard([old.url]);
    const levers = new GuardLevers(one.adminUrl, TOKEN);
    const session = { 'mcp-session-id': (await initialize(one.listenUrl)).headers.get('mcp-session-id')! };
    await levers.set('UPSTREAMS', next.url, by);
    await levers.set('INIT_QUEUE_SECONDS', '60', by);
    await levers.set('MAX_INIT_PER_SECOND', '0.01', by);
    // The pace has room for two; the one who comes next waits, with the session that it had.
    await Promise.all([initialize(one.listenUrl), initialize(one.listenUrl)]);
    const waiting = post(one.listenUrl, initializeBody, session);
    await eventually(
      () => metric(one.adminUrl, 'mcp_initialize_queue_depth'),
      (depth) => depth === 1,
    );
    await fetch(`${one.listenUrl}/mcp`, { method: 'DELETE', headers: session });
    // What nobody uses any more is dropped every few seconds.
    await expect
      .poll(() => metric(one.adminUrl, `mcp_upstream_up{upstream="${old.url}"}`), { timeout: 8000 })
      .toBeNaN();
    await levers.reset('MAX_INIT_PER_SECOND', 'ada');
    // The official SDK's server answers what it thinks of the foreign session: it was asked, and the guard lives.
    expect((await waiting).status).toBeLessThan(500);
  }, 20_000);

  it('are asked in turn for a session that the guard does not know, so that its restart cuts nobody', async () => {
    const servers = await Promise.all(['a', 'b'].map((name) => server({ name, unknownSession: 400 })));
    const urls = servers.map(({ url }) => url);
    const first = await guard(urls);
    const clients = await Promise.all([client(first), client(first)]);
    const names = await Promise.all(clients.map(whoami));
    const second = await guard(urls);
    for (const [index, { transport }] of clients.entries()) {
      const body = JSON.stringify({
        jsonrpc: '2.0',
        id: 9,
        method: 'tools/call',
        params: { name: 'whoami' },
      });
      const headers = { 'mcp-session-id': transport.sessionId!, 'mcp-protocol-version': '2025-11-25' };
      const answer = await post(second.listenUrl, body, headers);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain(names[index]);
    }
    expect(await metric(second.adminUrl, 'mcp_active_sessions')).toBe(2);
  });
});

describe('a restarted upstream', () => {
  it.each([404, 400] as const)(
    'loses its sessions, ends their streams and sends clients to initialize again (unknown: %d)',
    async (unknownSession) => {
      const upstream = await server({ unknownSession });
      const log: LogEntry[] = [];
      const one = await guard([upstream.url], { log: (entry) => void log.push(entry) });
      const { transport } = await client(one);
      const id = transport.sessionId!;
      const stream = await fetch(`${one.listenUrl}/mcp`, {
        headers: { accept: 'text/event-stream', 'mcp-session-id': (await client(one)).transport.sessionId! },
      }).catch(() => null);
      expect(stream).not.toBeNull();
      await upstream.kill();
      await eventually(
        () => metric(one.adminUrl, 'mcp_sessions_lost_total'),
        (lost) => lost === 2,
      );
      expect(await metric(one.adminUrl, `mcp_upstream_up{upstream="${upstream.url}"}`)).toBe(0);
      await server({ port: upstream.port, unknownSession });
      const answer = await post(one.listenUrl, '{"jsonrpc":"2.0","id":1,"method":"ping"}', {
        'mcp-session-id': id,
      });
      expect(answer.status).toBe(404);
      expect(await answer.json()).toEqual({
        jsonrpc: '2.0',
        error: { code: -32_001, message: 'Session not found' },
        id: 1,
      });
      expect(await whoami(await client(one))).toBe('server');
      expect(log.map(({ event }) => event)).toEqual(
        expect.arrayContaining(['upstream-up', 'upstream-down', 'sessions-lost']),
      );
    },
  );

  it('is waited for by clients that initialize meanwhile', async () => {
    const upstream = await server();
    const one = await guard([upstream.url]);
    await upstream.kill();
    const answer = initialize(one.listenUrl);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await server({ port: upstream.port });
    expect((await answer).status).toBe(200);
  });

  it('that forgets one session has that one lost only', async () => {
    const upstream = await server();
    const one = await guard([upstream.url]);
    const kept = await client(one);
    const { transport } = await client(one);
    (upstream.sessions as Map<string, unknown>).delete(transport.sessionId!);
    const headers = { 'mcp-session-id': transport.sessionId! };
    const ask = () => post(one.listenUrl, '{"jsonrpc":"2.0","id":1,"method":"ping"}', headers);
    expect((await ask()).status).toBe(404);
    const seen = upstream.requests.length;
    expect((await ask()).status).toBe(404);
    expect(upstream.requests).toHaveLength(seen);
    expect(await metric(one.adminUrl, 'mcp_sessions_lost_total')).toBe(1);
    expect(await whoami(kept)).toBe('server');
  });
});

describe('admission', () => {
  it('paces initialize, refuses in words after the queue time, and forgets who left', async () => {
    const upstream = await server();
    const one = await guard([upstream.url], {
      levers: { MAX_INIT_PER_SECOND: '5', INIT_QUEUE_SECONDS: '1' },
      random: () => 0.5,
    });
    const leaving = new AbortController();
    const all = Array.from({ length: 12 }, () => initialize(one.listenUrl));
    const gone = Array.from({ length: 20 }, () =>
      initialize(one.listenUrl, leaving.signal).catch(() => 'gone'),
    );
    await eventually(
      () => metric(one.adminUrl, 'mcp_initialize_queue_depth'),
      (depth) => depth >= 25,
    );
    leaving.abort();
    expect(await Promise.all(gone)).toContain('gone');
    const answers = await Promise.all(all);
    const refused = answers.filter(({ status }) => status === 503);
    const admitted = answers.filter(({ status }) => status === 200);
    expect(admitted.length).toBeGreaterThanOrEqual(5);
    expect(admitted.length).toBeLessThanOrEqual(7);
    expect(refused).toHaveLength(12 - admitted.length);
    expect(refused[0]!.headers.get('retry-after')).toBe('3');
    expect(await refused[0]!.json()).toMatchObject({
      jsonrpc: '2.0',
      id: 1,
      error: { code: -32_000, message: expect.stringContaining('try again in 3 s') },
    });
    expect(upstream.sessions.size).toBe(await metric(one.adminUrl, 'mcp_initialize_total{outcome="ok"}'));
    expect(await metric(one.adminUrl, 'mcp_initialize_total{outcome="rejected"}')).toBe(refused.length);
    await eventually(
      () => metric(one.adminUrl, 'mcp_initialize_queue_depth'),
      (depth) => depth === 0,
    );
  });

  it('lets waiting clients in as soon as the lever is lifted', async () => {
    const upstream = await server();
    const one = await guard([upstream.url], {
      levers: { MAX_INIT_PER_SECOND: '0.1', INIT_QUEUE_SECONDS: '60' },
    });
    const levers = new GuardLevers(one.adminUrl, TOKEN);
    const all = Array.from({ length: 10 }, () => initialize(one.listenUrl));
    await eventually(
      () => metric(one.adminUrl, 'mcp_initialize_queue_depth'),
      (depth) => depth === 8,
    );
    await levers.set('MAX_INIT_PER_SECOND', '0', by);
    expect((await Promise.all(all)).map(({ status }) => status)).toEqual(
      Array.from({ length: 10 }, () => 200),
    );
  });

  it('ends the session of a client that left in the middle of its handshake', async () => {
    const upstream = await server({ initializeMs: 300 });
    const one = await guard([upstream.url]);
    const leaving = new AbortController();
    const answer = initialize(one.listenUrl, leaving.signal).catch(() => 'gone');
    await eventually(
      () => upstream.requests.length,
      (count) => count === 1,
    );
    leaving.abort();
    expect(await answer).toBe('gone');
    await eventually(
      () => upstream.requests.map(({ method }) => method),
      (methods) => methods.includes('DELETE'),
    );
    await eventually(
      () => upstream.sessions.size,
      (size) => size === 0,
    );
    expect(await metric(one.adminUrl, 'mcp_active_sessions')).toBe(0);
    expect(await metric(one.adminUrl, 'mcp_initialize_total{outcome="abandoned"}')).toBe(1);
  });

  it('ends the sessions that have been idle longest when there are too many', async () => {
    const upstream = await server();
    const one = await guard([upstream.url], { levers: { MAX_SESSIONS: '2' } });
    const first = await client(one);
    const second = await client(one);
    await eventually(
      () => metric(one.adminUrl, 'mcp_open_streams'),
      (streams) => streams === 2,
    );
    await second.client.callTool({ name: 'whoami' });
    // Nobody is idle yet: the third waits its turn.
    const third = await client(one);
    await third.client.callTool({ name: 'whoami' });
    await eventually(
      () => [...upstream.sessions.keys()],
      (ids) => ids.length === 2 && !ids.includes(first.transport.sessionId!),
    );
    expect(upstream.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
    await expect(first.client.callTool({ name: 'whoami' })).rejects.toThrow('Session not found');
    await second.client.callTool({ name: 'whoami' });
    expect(await metric(one.adminUrl, 'mcp_sessions_ended_total')).toBe(1);
    expect(await metric(one.adminUrl, 'mcp_sessions_lost_total')).toBe(0);
    expect(await metric(one.adminUrl, 'mcp_open_streams')).toBe(2);
  });

  it('refuses newcomers where every session is in use, and cannot wait that long', async () => {
    const upstream = await server();
    const one = await guard([upstream.url], { levers: { MAX_SESSIONS: '2', INIT_QUEUE_SECONDS: '1' } });
    const answers = await Promise.all(Array.from({ length: 4 }, () => initialize(one.listenUrl)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 503, 503]);
  });

  it('ends a session with its client’s own credentials where the server asks for some', async () => {
    const deleted: (string | undefined)[] = [];
    const upstream = await raw((req, res) => {
      if (req.method === 'DELETE') {
        deleted.push(req.headers.authorization);
        res.writeHead(req.headers.authorization === undefined ? 401 : 200).end();
      } else {
        res.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': `s${++sessions}` });
        res.end('{"jsonrpc":"2.0","id":1,"result":{}}');
      }
    });
    let sessions = 0;
    const one = await guard([upstream.url], { levers: { MAX_SESSIONS: '1' } });
    const authorization = 'Bearer of-the-first';
    await post(one.listenUrl, initializeBody, { authorization });
    await post(one.listenUrl, initializeBody);
    await eventually(
      () => deleted,
      (seen) => seen.length === 1,
    );
    const body = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/list' });
    const late = await post(one.listenUrl, body, { authorization, 'mcp-session-id': 's1' });
    expect(late.status).toBe(404);
    await eventually(
      () => deleted,
      (seen) => seen.length === 2,
    );
    expect(deleted).toEqual([undefined, authorization]);
  });
});

describe('RECONNECT_JITTER_SECONDS', () => {
  it('stamps open streams and new ones, and unstamps them', async () => {
    const upstream = await server();
    const one = await guard([upstream.url], { random: () => 0.5 });
    const levers = new GuardLevers(one.adminUrl, TOKEN);
    const { headers } = await initialize(one.listenUrl);
    const stream = await fetch(`${one.listenUrl}/mcp`, {
      headers: { accept: 'text/event-stream', 'mcp-session-id': headers.get('mcp-session-id')! },
    });
    let seen = '';
    void (async () => {
      for await (const chunk of stream.body!) seen += Buffer.from(chunk).toString();
    })().catch(() => {});
    await levers.set('RECONNECT_JITTER_SECONDS', '30', by);
    await eventually(
      () => seen,
      (text) => text.includes('retry: 15000\n\n'),
    );
    await levers.reset('RECONNECT_JITTER_SECONDS', 'ada');
    await eventually(
      () => seen,
      (text) => text.endsWith('retry: 1000\n\n'),
    );
  });
});

describe('an event stream that is compressed', () => {
  it('passes as it is, whatever the jitter', async () => {
    const packed = gzipSync('data: {"jsonrpc":"2.0","method":"notifications/x"}\n\n');
    const { url } = await raw((req, res) => {
      req.resume();
      res.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' }).end(packed);
    });
    const one = await guard([url]);
    await new GuardLevers(one.adminUrl, TOKEN).set('RECONNECT_JITTER_SECONDS', '30', by);
    const stream = await fetch(`${one.listenUrl}/mcp`, { headers: { accept: 'text/event-stream' } });
    expect(await stream.text()).toBe('data: {"jsonrpc":"2.0","method":"notifications/x"}\n\n');
  });
});

describe('the levers', () => {
  it('come back by themselves, and every change is logged with its actor', async () => {
    const upstream = await server();
    const log: LogEntry[] = [];
    const one = await guard([upstream.url], { log: (entry) => void log.push(entry) });
    const levers = new GuardLevers(one.adminUrl, TOKEN);
    await levers.set('MAX_INIT_PER_SECOND', '50', { ...by, ttlSeconds: 0.3, incident: 'inc-1' });
    expect(await metric(one.adminUrl, 'mcp_lever{name="MAX_INIT_PER_SECOND"}')).toBe(50);
    await eventually(
      () => metric(one.adminUrl, 'mcp_lever{name="MAX_INIT_PER_SECOND"}'),
      (value) => value === 0,
    );
    await levers.set('MAX_SESSIONS', '5', { ...by, incident: 'inc-1' });
    expect((await levers.release('inc-1', 'bob')).map(({ name }) => name)).toEqual(['MAX_SESSIONS']);
    expect(
      log
        .filter(({ event }) => event.startsWith('lever-'))
        .map(({ event, actor, from, to }) => [event, actor, from, to]),
    ).toEqual([
      ['lever-set', 'ada', '', '50'],
      ['lever-expired', 'ada', '50', ''],
      ['lever-set', 'ada', '', '5'],
      ['lever-released', 'bob', '5', ''],
    ]);
  });

  it('are read by anyone here, and written only with the token', async () => {
    const upstream = await server();
    const one = await guard([upstream.url]);
    const none = new GuardLevers(one.adminUrl, '');
    expect((await none.list()).map(({ name }) => name)).toContain('MAX_INIT_PER_SECOND');
    for (const levers of [none, new GuardLevers(one.adminUrl, 'wrong')]) {
      await expect(levers.set('MAX_SESSIONS', '1', by)).rejects.toMatchObject({ code: 'E_UNAUTHORIZED' });
      await expect(levers.reset('MAX_SESSIONS', 'ada')).rejects.toMatchObject({ code: 'E_UNAUTHORIZED' });
      await expect(levers.release('inc', 'ada')).rejects.toMatchObject({ code: 'E_UNAUTHORIZED' });
    }
    const readOnly = await guard([upstream.url], { token: '' });
    await expect(new GuardLevers(readOnly.adminUrl, '').set('MAX_SESSIONS', '1', by)).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
    });
    await expect(new GuardLevers(readOnly.adminUrl, 'x').set('MAX_SESSIONS', '1', by)).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
    });
  });

  it('answer bad requests with a code and what is accepted', async () => {
    const upstream = await server();
    const one = await guard([upstream.url]);
    const levers = new GuardLevers(one.adminUrl, TOKEN);
    await expect(levers.set('NOPE', '1', by)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await expect(levers.set('MAX_SESSIONS', 'many', by)).rejects.toMatchObject({ code: 'E_BAD_VALUE' });
    await expect(levers.set('MAX_SESSIONS', '1', { ...by, ttlSeconds: 90_000 })).rejects.toMatchObject({
      code: 'E_BAD_VALUE',
    });
    // A request would go round until no connection is left.
    await expect(levers.set('UPSTREAMS', one.listenUrl, by)).rejects.toMatchObject({ code: 'E_BAD_VALUE' });
    await expect(new GuardLevers('http://127.0.0.1:1', TOKEN).list()).rejects.toMatchObject({
      code: 'E_UNREACHABLE',
    });
    await expect(new GuardLevers(upstream.url, TOKEN).list()).rejects.toMatchObject({
      code: 'E_BAD_RESPONSE',
    });
    const put = (body: string) =>
      fetch(`${one.adminUrl}/levers/MAX_SESSIONS`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${TOKEN}` },
        body,
      });
    for (const body of [
      '',
      '[]',
      '{',
      '{"value":{}}',
      '{"value":"1"}',
      '{"value":"1","reason":"x","actor":"y","ttlSeconds":"5m"}',
    ]) {
      const answer = await put(body);
      expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([
        422,
        'E_BAD_VALUE',
      ]);
    }
    expect((await put('x'.repeat(70_000))).status).toBe(413);
    for (const path of ['nothing', '/']) {
      expect((await fetch(`${one.adminUrl}/${path}`)).status).toBe(404);
    }
    expect(
      (
        await fetch(`${one.adminUrl}/levers`, {
          method: 'PATCH',
          headers: { authorization: `Bearer ${TOKEN}` },
        })
      ).status,
    ).toBe(400);
  });

  it('do not tell a rebound web page what they are, while metrics answer to any name', async () => {
    const upstream = await server();
    const one = await guard([upstream.url]);
    expect(await statusFor(`${one.adminUrl}/metrics`, 'mcp-server:9090')).toBe(200);
    expect(await statusFor(`${one.adminUrl}/levers`, 'evil.example')).toBe(401);
    expect(await statusFor(`${one.adminUrl}/levers`, 'localhost:9090')).toBe(200);
    expect(await statusFor(`${one.listenUrl}/mcp`, 'evil.example')).toBe(403);
  });
});

describe('bad input and bad weather', () => {
  it('refuses a body that is too large, announced or not, and goes on', async () => {
    const upstream = await server();
    const one = await guard([upstream.url]);
    const large = await post(one.listenUrl, 'x'.repeat(5 * 1024 * 1024)).catch(() => null);
    if (large) expect(large.status).toBe(413);
    const { hostname, port } = new URL(one.listenUrl);
    const head = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
        const piece = `10000\r\n${'y'.repeat(65_536)}\r\n`;
        for (let count = 0; count < 70; count++) socket.write(piece);
      });
      socket.on('error', () => {});
      socket.once('data', (data) => {
        resolve(data.toString());
        socket.destroy();
      });
    });
    expect(head).toMatch(/^HTTP\/1\.1 413 /);
    expect(await whoami(await client(one))).toBe('server');
  });

  it('passes malformed JSON and batches on, for the upstream to answer', async () => {
    const upstream = await server();
    const one = await guard([upstream.url]);
    expect((await post(one.listenUrl, '{"jsonrpc":')).status).toBe(400);
    const { headers } = await initialize(one.listenUrl);
    const session = {
      'mcp-session-id': headers.get('mcp-session-id')!,
      'mcp-protocol-version': '2025-03-26',
    };
    const batch = '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]';
    const direct = await fetch(`${upstream.url}/mcp`, {
      method: 'POST',
      body: batch,
      headers: {
        ...session,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
    });
    const through = await post(one.listenUrl, batch, session);
    expect([through.status, await through.text()]).toEqual([direct.status, await direct.text()]);
  });

  it('keeps label sets bounded under hostile tool names and methods', async () => {
    const { url } = await raw((req, res) => {
      req.resume();
      res.setHeader('content-type', 'application/json');
      res.end('{}');
    });
    const one = await guard([url]);
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const name = `tool-${round}-${index}\n"} evil 1`;
          const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } });
          await (await post(one.listenUrl, body, { 'mcp-protocol-version': `v${index}` })).text();
          await (
            await post(one.listenUrl, JSON.stringify({ jsonrpc: '2.0', id: 1, method: `evil/${index}` }))
          ).text();
        }),
      );
    }
    const text = await (await fetch(`${one.adminUrl}/metrics`)).text();
    const series = text
      .split('\n')
      .filter((line) => line.startsWith('mcp_server_operation_duration_seconds_count'));
    expect(series.length).toBeLessThanOrEqual(210);
    expect(text).toContain('gen_ai_tool_name="_OTHER"');
    expect(text).not.toContain('evil/');
  });

  it('says plainly when the upstream breaks off, is not there, or cannot be reached', async () => {
    const breaking = await raw((req) => req.socket.destroy());
    const one = await guard([breaking.url]);
    expect((await initialize(one.listenUrl)).status).toBe(502);
    expect((await post(one.listenUrl, '{"jsonrpc":"2.0","id":1,"method":"ping"}')).status).toBe(502);
    const none = await guard(['http://127.0.0.1:1'], { levers: { INIT_QUEUE_SECONDS: '0.3' } });
    const answer = await post(none.listenUrl, '{"jsonrpc":"2.0","id":1,"method":"ping"}');
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    const opening = await initialize(none.listenUrl);
    expect([opening.status, await opening.text()]).toEqual([
      503,
      expect.stringContaining('cannot be reached'),
    ]);
    expect((await fetch(`${none.adminUrl}/readyz`)).status).toBe(503);
    expect((await fetch(`${none.adminUrl}/healthz`)).status).toBe(200);
  });

  it('gives a slow reader what it can take, and holds the upstream back', async () => {
    const chunk = 'z'.repeat(64 * 1024);
    let sent = 0;
    const { url } = await raw((_req, res) => {
      res.setHeader('content-type', 'text/event-stream');
      const pump = () => {
        while (sent < 200 && !res.destroyed) {
          sent += 1;
          if (!res.write(chunk)) {
            res.once('drain', pump);
            return;
          }
        }
        res.end();
      };
      pump();
    });
    const one = await guard([url]);
    const { hostname, port } = new URL(one.listenUrl);
    const socket = connect(Number(port), hostname, () => {
      socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}');
      socket.pause();
    });
    cleanups.push(() => socket.destroy());
    await new Promise((resolve) => setTimeout(resolve, 500));
    // Kernel buffers on both sides take some megabytes; 12.8 MB would be all.
    expect(sent).toBeLessThan(200);
    const stalled = sent;
    let received = 0;
    socket.on('data', (data: Buffer) => {
      received += data.length;
    });
    socket.resume();
    await eventually(
      () => received,
      (bytes) => bytes >= 200 * chunk.length,
    );
    expect(sent).toBeGreaterThan(stalled);
  });

  it('ends the stream of a client when its upstream breaks it, and the upstream’s when the client leaves', async () => {
    let closed = 0;
    const { url, server: upstream } = await raw((req, res) => {
      res.on('close', () => {
        closed += 1;
      });
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write(': hello\n\n');
      req.resume();
    });
    const one = await guard([url]);
    const leaving = new AbortController();
    await fetch(`${one.listenUrl}/mcp`, { headers: { accept: 'text/event-stream' }, signal: leaving.signal });
    leaving.abort();
    await eventually(
      () => closed,
      (count) => count === 1,
    );
    const stream = await fetch(`${one.listenUrl}/mcp`, { headers: { accept: 'text/event-stream' } });
    upstream.closeAllConnections();
    expect(await stream.text()).toBe(': hello\n\n');
  });

  it('fails at one request only where something in it was not foreseen', async () => {
    const entries: LogEntry[] = [];
    const one = await guard([(await server()).url], {
      levers: { TOOL_BREAKER: 'open' },
      random: () => {
        throw new RangeError('no luck');
      },
      log: (entry) => void entries.push(entry),
    });
    const call = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}';
    const response = await post(one.listenUrl, call);
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ jsonrpc: '2.0', error: { code: -32_000 } });
    expect(entries).toContainEqual(expect.objectContaining({ event: 'request-failed', why: 'no luck' }));
    expect((await initialize(one.listenUrl)).status).toBe(200);
  });

  it('sees a client leave whose GET has a body that nobody reads', async () => {
    let closed = false;
    const { url } = await raw((_, res) => {
      res.on('close', () => {
        closed = true;
      });
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    });
    const one = await guard([url]);
    const socket = connect(Number(new URL(one.listenUrl).port), '127.0.0.1');
    socket.write('GET /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9000000\r\n\r\n');
    socket.write(Buffer.alloc(900_000));
    await once(socket, 'data');
    socket.destroy();
    await eventually(
      () => closed,
      (seen) => seen,
    );
  });

  it.runIf(process.platform === 'linux')(
    'asks clients that say nothing whether they are still there',
    async () => {
      const one = await guard([(await server()).url]);
      const socket = connect(Number(new URL(one.listenUrl).port), '127.0.0.1');
      cleanups.push(() => socket.destroy());
      await once(socket, 'connect');
      const hex = (port: number) => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
      const theirs = `${hex(Number(new URL(one.listenUrl).port))} ${hex(socket.localPort!)} `;
      // proc(5), net/tcp: the timer 02 of a quiet connection is that of keep-alive.
      await eventually(
        () =>
          readFileSync('/proc/net/tcp', 'utf8')
            .split('\n')
            .find((line) => line.includes(theirs)),
        (line) => line?.trim().split(/\s+/)[5]?.startsWith('02:') === true,
      );
    },
  );

  it('stops in bounded time while streams and handshakes are open', async () => {
    const upstream = await server({ initializeMs: 60_000 });
    const one = await guard([upstream.url], {
      levers: { MAX_INIT_PER_SECOND: '1', INIT_QUEUE_SECONDS: '60' },
    });
    const waiting = Array.from({ length: 5 }, () =>
      initialize(one.listenUrl).then(
        ({ status }) => status,
        () => 0,
      ),
    );
    await eventually(
      () => metric(one.adminUrl, 'mcp_initialize_queue_depth'),
      (depth) => depth === 5,
    );
    const begun = performance.now();
    await one.stop();
    expect(performance.now() - begun).toBeLessThan(4000);
    expect((await Promise.all(waiting)).filter((status) => status === 503)).toHaveLength(3);
  });

  it('names the port that is taken, and the address that is none', async () => {
    const upstream = await server();
    const taken = { listen: `127.0.0.1:${upstream.port}` };
    await expect(guard([upstream.url], taken)).rejects.toMatchObject({ code: 'E_PORT_IN_USE' });
    await expect(guard([upstream.url], { listen: 'nonsense' })).rejects.toMatchObject({
      code: 'E_BAD_VALUE',
    });
    await expect(guard(['ftp://x'])).rejects.toMatchObject({ code: 'E_BAD_VALUE' });
    await expect(guard([])).rejects.toMatchObject({ code: 'E_BAD_VALUE' });
  });
});

/** Runs `allclear` with a channel to it, as the lab does. */
function program(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child: ChildProcess = fork(MAIN, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...env },
  });
  cleanups.push(() => child.kill('SIGKILL'));
  const output = { out: '', err: '' };
  child.stdout!.on('data', (data) => {
    output.out += String(data);
  });
  child.stderr!.on('data', (data) => {
    output.err += String(data);
  });
  // After `exit` the pipes may still hold output; `close` never comes once the channel was disconnected.
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => void setTimeout(() => resolve(code), 50));
  });
  return { child, output, ended };
}

const anyPort = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];

describe('allclear guard and allclear lever', () => {
  it('says where it listens, is moved from the command line, and ends on SIGTERM', async () => {
    const upstream = await server();
    const env = { ALLCLEAR_GUARD_TOKEN: TOKEN, MAX_SESSIONS: '500' };
    const { child, output, ended } = program(['guard', '--upstream', upstream.url, ...anyPort], env);
    await eventually(
      () => output.out,
      (text) => text.includes('\n'),
    );
    const ready = JSON.parse(output.out) as { event: string; listen: string; admin: string };
    expect(ready.event).toBe('ready');
    expect((await initialize(ready.listen)).status).toBe(200);
    const cli = {
      ...env,
      ALLCLEAR_GUARD_URL: ready.admin,
      ALLCLEAR_ACTOR: 'ada',
      ALLCLEAR_INCIDENT: 'inc-7',
    };
    const set = program(
      [
        'lever',
        'set',
        'MAX_INIT_PER_SECOND=50',
        'RECONNECT_JITTER_SECONDS=30',
        '--ttl',
        '90s',
        '--reason',
        'storm',
      ],
      cli,
    );
    expect(await set.ended).toBe(0);
    expect(set.output.out).toMatch(
      /^MAX_INIT_PER_SECOND {2}off → 50\n {2}returns to off in 1 min 30 s, at \d\d:\d\d:\d\d\n/,
    );
    const listed = program(['lever', '--json'], cli);
    expect(await listed.ended).toBe(0);
    const levers = JSON.parse(listed.output.out) as { name: string; value: string; held: object | null }[];
    expect(levers[0]).toMatchObject({
      name: 'MAX_INIT_PER_SECOND',
      value: '50',
      held: { actor: 'ada', reason: 'storm', incident: 'inc-7' },
    });
    const table = program(['lever'], cli);
    await table.ended;
    expect(table.output.out.split('\n').every((line) => line.length <= 80)).toBe(true);
    const bad = program(['lever', 'set', 'MAX_SESSIONS'], cli);
    expect([await bad.ended, bad.output.err]).toEqual([2, expect.stringContaining('E_USAGE')]);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    const first = output.err
      .split('\n')
      .map((line) => (line === '' ? null : (JSON.parse(line) as object)))
      .find((entry) => entry && 'actor' in entry);
    expect(first).toMatchObject({
      event: 'lever-set',
      actor: 'ada',
      reason: 'storm',
      from: '',
      to: '50',
      incident: 'inc-7',
    });
  });

  it('ends when its parent goes away, and says when its levers are read-only', async () => {
    const upstream = await server();
    const { child, output, ended } = program(['guard', '--upstream', upstream.url, ...anyPort], {
      ALLCLEAR_GUARD_TOKEN: '',
    });
    await eventually(
      () => output.out,
      (text) => text.includes('\n'),
    );
    // Two pipes: the line on stderr may be read after the one on stdout.
    await eventually(
      () => output.err,
      (text) => text.includes('levers-read-only'),
    );
    child.disconnect();
    expect(await ended).toBe(0);
  });

  it.each([
    [['guard'], 2, 'E_USAGE'],
    [['guard', '--upstream', 'nonsense', ...anyPort], 2, 'E_BAD_VALUE'],
    [
      ['guard', '--upstream', 'http://127.0.0.1:1', '--listen', '1.2.3.4:1', '--admin', '127.0.0.1:0'],
      2,
      'E_BAD_VALUE',
    ],
    [['lever', '--guard', 'http://127.0.0.1:1'], 3, 'E_UNREACHABLE'],
    [['lever', '--guard', 'here'], 2, 'E_BAD_VALUE'],
  ])('%j ends with %d %s', async (args, code, error) => {
    const { output, ended } = program(args);
    expect([await ended, output.err]).toEqual([code, expect.stringContaining(error)]);
  });
});
