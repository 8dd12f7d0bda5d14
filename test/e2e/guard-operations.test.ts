/** Running a guard in production: TLS on both sides, draining, and what it logs of requests. */
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { connect, type PeerCertificate } from 'node:tls';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { Agent, fetch as undiciFetch } from 'undici';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Guard, type GuardOptions, type LogEntry, startGuard } from '../../src/guard/index.ts';
import { makeCertificate } from './certificates.ts';
import { eventually, initializeBody, post, startServer } from './guard-fixtures.ts';
import { run, start } from './program.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

async function guard(upstream: string, options: Partial<GuardOptions> = {}): Promise<Guard> {
  const one = await startGuard({
    upstreams: [upstream],
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    ...options,
  });
  cleanups.push(() => one.stop());
  return one;
}

/** A server that answers as the handler says. */
async function upstreamOf(handler: RequestListener, tls?: { cert: string; key: string }): Promise<string> {
  const server = tls ? createTlsServer(tls, handler) : createServer(handler);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answer: RequestListener = (req, res) => {
  req.resume();
  res.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":1,"result":{}}');
};

const certificate = (name: string) => makeCertificate(name, onTestFinished);

function status(url: string, options: { ca?: string } = {}): Promise<number> {
  const dispatcher = new Agent({ connect: options.ca === undefined ? {} : { ca: options.ca } });
  cleanups.push(() => dispatcher.close());
  const headers = { 'content-type': 'application/json' };
  return undiciFetch(`${url}/mcp`, { method: 'POST', headers, body: initializeBody, dispatcher }).then(
    (response) => response.status,
  );
}

const ready = (one: Guard) => fetch(`${one.adminUrl}/readyz`).then(({ status: code }) => code);

describe('TLS', () => {
  it('is spoken on both sides: a real client, the guard, a real server', async () => {
    const [ours, theirs] = [certificate('guard'), certificate('server')];
    const plain = await startServer();
    cleanups.push(() => plain.kill());
    const secure = await upstreamOf((req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
        const headers = { ...req.headers } as Record<string, string>;
        delete headers['host'];
        delete headers['connection'];
        delete headers['content-length'];
        void fetch(`${plain.url}${req.url}`, { method: req.method!, headers, ...(body && { body }) })
          .then(async (response) => {
            res.writeHead(response.status, Object.fromEntries(response.headers));
            res.flushHeaders();
            for await (const chunk of response.body ?? []) res.write(chunk);
            res.end();
          })
          .catch(() => res.destroy());
      });
    }, theirs);
    const one = await guard(secure, { tls: ours, upstreamCa: theirs.cert });
    expect(one.listenUrl).toMatch(/^https:/);
    const dispatcher = new Agent({ connect: { ca: ours.cert } });
    cleanups.push(() => dispatcher.destroy());
    const overTls = ((url: string | URL, init: object) =>
      undiciFetch(url, { ...init, dispatcher })) as unknown as FetchLike;
    const client = new Client({ name: 'test', version: '1.0.0' });
    cleanups.push(() => client.close());
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${one.listenUrl}/mcp`), { fetch: overTls }),
    );
    const { content } = await client.callTool({ name: 'whoami' });
    expect(content).toEqual([{ type: 'text', text: 'server' }]);
  });

  it('trusts no upstream whose authority it does not know, and says why, once', async () => {
    const upstream = await upstreamOf(answer, certificate('somebody'));
    const log: LogEntry[] = [];
    const one = await guard(upstream, {
      log: (entry) => void log.push(entry),
      levers: { INIT_QUEUE_SECONDS: '0' },
    });
    expect(await status(one.listenUrl)).toBe(503);
    expect(await ready(one)).toBe(503);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(log).toEqual([
      { event: 'upstream-down', upstream, why: expect.stringContaining('certificate is not accepted') },
    ]);
  });

  it('says of an upstream that speaks no TLS that it does not, and that nothing was done', async () => {
    const upstream = (await upstreamOf(answer)).replace('http:', 'https:');
    const log: LogEntry[] = [];
    const one = await guard(upstream, { log: (entry) => void log.push(entry) });
    const refused = await post(one.listenUrl, '{"jsonrpc":"2.0","id":1,"method":"ping"}');
    expect([refused.status, await refused.text()]).toEqual([
      503,
      expect.stringContaining('cannot be reached'),
    ]);
    expect(log).toEqual([
      { event: 'upstream-down', upstream, why: expect.stringContaining('does not speak TLS') },
    ]);
  });

  it('renews its certificate without a restart, and keeps the old one when the new one is no good', async () => {
    const [old, next] = [certificate('old'), certificate('new')];
    const one = await guard(await upstreamOf(answer), { tls: old });
    expect((await peer(one)).subject.CN).toBe('old');
    expect(() => one.renew({ cert: next.cert, key: old.key })).toThrow(
      expect.objectContaining({ code: 'E_BAD_VALUE' }),
    );
    expect((await peer(one)).subject.CN).toBe('old');
    one.renew(next);
    expect((await peer(one)).subject.CN).toBe('new');
    expect(await status(one.listenUrl, { ca: next.cert })).toBe(200);
  });

  it.each([
    [['--tls-cert', 'x.pem'], 2, /E_FILE_NOT_FOUND.*x\.pem/],
    [['--tls-key', 'package.json'], 2, /E_USAGE --tls-key is given without --tls-cert/],
    [
      ['--tls-cert', 'package.json', '--tls-key', 'package.json'],
      2,
      /E_BAD_VALUE the certificate and its key/,
    ],
    [['--upstream-ca', 'package.json'], 2, /E_BAD_VALUE the authorities for upstreams/],
    [['--drain', 'soon'], 2, /E_BAD_VALUE --drain/],
    [['--log-requests', 'some'], 2, /E_BAD_VALUE --log-requests/],
  ])('refuses %j with a coded error', async (options, code, message) => {
    const anywhere = [
      '--upstream',
      'http://127.0.0.1:1',
      '--listen',
      '127.0.0.1:0',
      '--admin',
      '127.0.0.1:0',
    ];
    const ended = await run(['guard', ...anywhere, ...options]);
    expect(ended.stderr).toMatch(message);
    expect(ended.code).toBe(code);
  });
});

function peer(one: Guard): Promise<PeerCertificate> {
  const { port } = new URL(one.listenUrl);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate());
      socket.end();
    });
    socket.on('error', reject);
  });
}

describe('a guard that is told to stop', () => {
  /** A server whose answers wait to be released. */
  async function slowServer() {
    const waiting: (() => void)[] = [];
    const url = await upstreamOf((req, res) => {
      req.resume();
      waiting.push(() => answer(req, res));
    });
    return { url, waiting };
  }
  const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow' } });

  it('is no longer ready, takes no new connection, and finishes what is in progress', async () => {
    const { url, waiting } = await slowServer();
    const one = await guard(url, { drainSeconds: 30 });
    const inProgress = post(one.listenUrl, call);
    await eventually(
      () => waiting.length,
      (count) => count === 1,
    );
    expect(await ready(one)).toBe(200);
    const stopped = one.stop();
    expect(await ready(one)).toBe(503);
    await expect(connects(one.listenUrl)).resolves.toBe(false);
    waiting[0]!();
    expect((await inProgress).status).toBe(200);
    await stopped;
  });

  it.each([
    ['a connection that asks for nothing', {}, 20],
    ['a connection that begins no TLS', { tls: certificate }, 0.5],
  ])('does not wait for %s', async (_, { tls }: { tls?: typeof certificate }, drainSeconds) => {
    const one = await guard('http://127.0.0.1:1', {
      drainSeconds,
      ...(tls && { tls: tls('localhost') }),
    });
    const socket = connectTcp({ host: '127.0.0.1', port: Number(new URL(one.listenUrl).port) });
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('connect', resolve));
    const begun = performance.now();
    await one.stop();
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('cuts what takes longer than it may', async () => {
    const { url, waiting } = await slowServer();
    const one = await guard(url, { drainSeconds: 0.2 });
    const inProgress = post(one.listenUrl, call);
    await eventually(
      () => waiting.length,
      (count) => count === 1,
    );
    await one.stop();
    await expect(inProgress).rejects.toThrow();
  });
});

function connects(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host: '127.0.0.1', port: Number(new URL(url).port) }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

describe('the log of requests', () => {
  it('has a line for each, with its trace, and passes the trace on untouched', async () => {
    const seen: (string | string[] | undefined)[] = [];
    const upstream = await upstreamOf((req, res) => {
      seen.push(req.headers['traceparent'], req.headers['tracestate']);
      answer(req, res);
    });
    const anywhere = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--log-requests', 'all'];
    const program = start(['guard', '--upstream', upstream, ...anywhere]);
    cleanups.push(() => program.child.kill('SIGKILL'));
    const [, listen] = await program.shows(/"listen":"([^"]+)"/);
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'search' } });
    await post(listen!, body, { traceparent, tracestate: 'a=1', authorization: 'Bearer hush' });
    await program.shows(/"event":"request"/);
    program.child.kill('SIGTERM');
    const { code, stderr } = await program.ended;
    expect(code).toBe(0);
    const line = JSON.parse(stderr.split('\n').find((one) => one.includes('"event":"request"'))!) as object;
    expect(line).toMatchObject({
      'mcp.method.name': 'tools/call',
      'gen_ai.tool.name': 'search',
      'http.response.status_code': 200,
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    });
    expect(stderr).not.toContain('hush');
    expect(seen).toEqual([traceparent, 'a=1']);
  });

  it('never holds the guard up when nobody reads it', async () => {
    const upstream = await upstreamOf(answer);
    const anywhere = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--log-requests', 'all'];
    const program = start(['guard', '--upstream', upstream, ...anywhere]);
    cleanups.push(() => program.child.kill('SIGKILL'));
    const [, listen] = await program.shows(/"listen":"([^"]+)"/);
    program.child.stderr!.pause();
    // More than any pipe holds: a write that waited for its reader would stop here.
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'x'.repeat(180) },
    });
    for (let turn = 0; turn < 40; turn++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => post(listen!, body)));
      expect(answers.every(({ status: code }) => code === 200)).toBe(true);
    }
  });
});
