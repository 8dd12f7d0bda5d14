/**
 * What nobody well-behaved sends, sent on purpose. The guard is a process of its own, so that its memory can be
 * seen; a real client of each era works through it all the while, and must not notice.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as fc from 'fast-check';
import { Pool } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newerRequest } from './era-fixtures.ts';
import { initializeBody, metric, post, startServer, type TestServer } from './guard-fixtures.ts';
import { type Running, start } from './program.ts';

const MIB = 1024 * 1024;

let program: Running;
let listen = '';
let admin = '';
let good: TestServer;
let bystander: Client;
let failures: unknown[] = [];
let slowest = 0;
let watching = true;
let watch: Promise<void>;
/** Paths that reached the upstream, for what must never get there. */
const reached: string[] = [];
let front: Server;

beforeAll(async () => {
  good = await startServer();
  // Sees what the guard sends, and passes it on.
  front = createServer((req, res) => {
    reached.push(`${req.method} ${req.url}`);
    void passOn(good.url, req, res);
  });
  const upstream = await listening(front);
  program = start(['guard', '--upstream', upstream, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']);
  [, listen = '', admin = ''] = await program.shows(/"listen":"([^"]+)","admin":"([^"]+)"/);
  bystander = new Client({ name: 'bystander', version: '1.0.0' });
  await bystander.connect(new StreamableHTTPClientTransport(new URL(`${listen}/mcp`)));
  watch = (async () => {
    while (watching) {
      const before = performance.now();
      await bystander.callTool({ name: 'whoami' }).catch((error: unknown) => failures.push(error));
      slowest = Math.max(slowest, performance.now() - before);
      await sleep(20);
    }
  })();
});

afterEach(async () => {
  // Whatever was sent: the guard lives, and the other client had its answers.
  expect((await fetch(`${admin}/healthz`)).status).toBe(200);
  expect(failures).toEqual([]);
  expect(slowest).toBeLessThan(5000);
  failures = [];
  slowest = 0;
});

afterAll(async () => {
  watching = false;
  await watch;
  await bystander.close();
  program.child.kill('SIGTERM');
  await program.ended;
  front.closeAllConnections();
  front.close();
  await good.kill();
});

async function passOn(
  to: string,
  req: Parameters<RequestListener>[0],
  res: Parameters<RequestListener>[1],
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
  const headers = new Headers();
  for (const [name, value] of Object.entries(req.headers)) {
    if (!['host', 'connection', 'content-length', 'transfer-encoding'].includes(name))
      headers.set(name, String(value));
  }
  const gone = new AbortController();
  res.on('close', () => gone.abort());
  try {
    const body = chunks.length > 0 ? Buffer.concat(chunks) : null;
    const answer = await fetch(`${to}${req.url}`, {
      method: req.method!,
      headers,
      body,
      signal: gone.signal,
    });
    res.writeHead(answer.status, Object.fromEntries(answer.headers));
    res.flushHeaders();
    for await (const chunk of answer.body ?? []) res.write(chunk);
    res.end();
  } catch {
    res.destroy();
  }
}

async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A further guard, in front of the given server. */
async function guardOf(url: string, env: Record<string, string> = {}) {
  const one = start(['guard', '--upstream', url, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'], {
    env,
  });
  const [, at = '', adminAt = ''] = await one.shows(/"listen":"([^"]+)","admin":"([^"]+)"/);
  return {
    listen: at,
    admin: adminAt,
    stop: async (): Promise<void> => {
      one.child.kill('SIGKILL');
      await one.ended;
    },
  };
}

/** Writes bytes to the guard and collects what comes back until it closes, or for `ms`. */
function exchange(parts: readonly (string | Buffer)[], { ms = 3000, end = false } = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(listen).port), allowHalfOpen: true });
    let text = '';
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    };
    const timer = setTimeout(done, ms);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('end', done);
    socket.on('error', done);
    socket.on('connect', () => {
      for (const part of parts) socket.write(part);
      if (end) socket.end();
    });
  });
}

const head = (lines: readonly string[]) =>
  `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n${lines.join('\r\n')}\r\n\r\n`;
const json = 'content-type: application/json';
const memory = (at = admin) => metric(at, 'process_resident_memory_bytes');
const series = async (at: string) =>
  (await (await fetch(`${at}/metrics`)).text()).split('\n').filter((line) => !line.startsWith('#')).length;

describe('bodies', () => {
  it('that are too large are refused before they are read, in the words of the protocol', async () => {
    const answer = await exchange([head([json, `content-length: ${900 * MIB}`])]);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"jsonrpc":"2.0"');
  });

  it('that never end are cut at the limit, and cost no memory', async () => {
    const before = await memory();
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        exchange([head([json, 'transfer-encoding: chunked']), ...Array.from({ length: 200 }, () => chunk)]),
      ),
    );
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect((await memory()) - before).toBeLessThan(150 * MIB);
  });

  it('that come byte by byte cost no more than their bytes', async () => {
    const before = await memory();
    const pieces = '1\r\n \r\n'.repeat(100_000);
    const sockets = Array.from({ length: 2 }, () => {
      const socket = connect({ host: '127.0.0.1', port: Number(new URL(listen).port) });
      socket.on('error', () => {});
      socket.write(head([json, 'transfer-encoding: chunked']));
      for (let turn = 0; turn < 10; turn++) socket.write(pieces);
      return socket;
    });
    await expect
      .poll(() => sockets.every(({ writableLength }) => writableLength === 0), { timeout: 30_000 })
      .toBe(true);
    // Two million pieces as they come would be 500 MiB.
    expect((await memory()) - before).toBeLessThan(200 * MIB);
    for (const socket of sockets) socket.destroy();
  }, 60_000);

  it('that are nested deeper than can be written are passed on, in either era', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const { body, headers } = newerRequest('tools/list', { cursor: 'DEEP' });
    for (const [text, more] of [
      [body.replace('"DEEP"', deep), headers],
      [call('whoami').replace('}}', `,"arguments":${deep}}}`), {}],
    ] as const) {
      const count = reached.length;
      const response = await post(listen, text, more);
      await response.arrayBuffer();
      expect(reached.length).toBeGreaterThan(count);
    }
  });

  it('that are nested two million levels deep are refused, and hold nobody up', async () => {
    const started = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => post(listen, `{"a":${'['.repeat(1_990_000)}${']'.repeat(1_990_000)}}`)),
    );
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it('that are no JSON-RPC get an answer, whatever they are, and so do batches of anything', async () => {
    const anything = fc.oneof(
      fc.json(),
      fc.string({ maxLength: 200 }),
      fc
        .array(fc.dictionary(fc.constantFrom('jsonrpc', 'id', 'method', 'params', 'result'), fc.jsonValue()))
        .map((batch) => JSON.stringify(batch)),
      fc.constantFrom(
        '{"a":'.repeat(3000),
        '['.repeat(100_000),
        '{"method":"tools/call","id":1,"params":{"name":{}}}',
      ),
      fc.constantFrom(
        '{"__proto__":{"method":"initialize"}}',
        '{"id":1e999,"method":"tools/call","params":null}',
      ),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (body) => {
        const response = await post(listen, body);
        expect(response.status).toBeGreaterThanOrEqual(200);
        expect(response.status).toBeLessThan(600);
        await response.arrayBuffer();
      }),
      { numRuns: 150 },
    );
  });
});

describe('requests that take for ever', () => {
  it('do not keep a thousand sockets, and never reach the server', async () => {
    const sockets: Socket[] = [];
    const port = Number(new URL(listen).port);
    const count = reached.length;
    for (let index = 0; index < 500; index++) {
      const socket = connect({ host: '127.0.0.1', port });
      socket.on('error', () => {});
      socket.write(
        index % 2 === 0
          ? 'POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: '
          : head([json, 'content-length: 100']),
      );
      sockets.push(socket);
    }
    const drip = setInterval(() => {
      for (const socket of sockets) if (!socket.destroyed) socket.write('x');
    }, 1000);
    // Heads have 20 s; they are looked at every few seconds.
    await eventually60(
      () => sockets.filter((socket, index) => index % 2 === 0 && !socket.closed).length === 0,
    );
    clearInterval(drip);
    for (const socket of sockets) socket.destroy();
    expect(reached.slice(count).filter((one) => !one.endsWith('/mcp'))).toEqual([]);
  }, 90_000);

  it('and half-closed ones are answered or let go', async () => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
    const whole = `${head([json, 'accept: application/json, text/event-stream', `content-length: ${body.length}`])}${body}`;
    // Whoever has finished writing may have gone altogether: to a guard that is the same, or a storm's
    // clients would be served long after they left.
    expect(await exchange([whole], { end: true })).toMatch(/^(HTTP\/1\.1 [24]\d\d |$)/);
    const cut = await exchange([whole.slice(0, -5)], { end: true });
    expect(cut === '' || cut.startsWith('HTTP/1.1 400')).toBe(true);
    expect(await exchange([whole.slice(0, 20)], { end: true })).toMatch(/^(HTTP\/1\.1 400|$)/);
  });
});

async function eventually60(check: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!check()) {
    if (performance.now() > end) throw new Error('it did not come about within a minute');
    await sleep(200);
  }
}

describe('smuggling', () => {
  const hidden = 'GET /smuggled HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n';
  it.each([
    ['both lengths', ['content-length: 6', 'transfer-encoding: chunked'], `0\r\n\r\n${hidden}`],
    ['two content-lengths', ['content-length: 0', `content-length: ${hidden.length}`], hidden],
    ['a content-length with a sign', [`content-length: +${hidden.length}`], hidden],
    ['an unknown transfer-encoding', ['transfer-encoding: xchunked'], hidden],
    ['chunked twice', ['transfer-encoding: chunked, chunked'], `0\r\n\r\n${hidden}`],
    ['chunked not last', ['transfer-encoding: chunked, identity'], `0\r\n\r\n${hidden}`],
    ['a space before the colon', ['transfer-encoding : chunked', `content-length: ${hidden.length}`], hidden],
    ['a folded header', ['x: a\r\n transfer-encoding: chunked'], `0\r\n\r\n${hidden}`],
    ['a bare line feed', [`x: y\ntransfer-encoding: chunked`], `0\r\n\r\n${hidden}`],
    ['a chunk size that overflows', ['transfer-encoding: chunked'], `fffffffffffffffff\r\n${hidden}`],
    ['a chunk extension with a line feed', ['transfer-encoding: chunked'], `0;x=\n\r\n\r\n${hidden}`],
    ['a NUL in a header', ['x: a\0b'], hidden],
  ])('by %s reaches nobody', async (_, lines, rest) => {
    const count = reached.length;
    const answer = await exchange([head([json, ...lines]), rest], { ms: 1500 });
    // An honest second request on the connection would be answered twice; a hidden one must not come through.
    expect(reached.slice(count).filter((one) => one.includes('smuggled') && !honest(lines))).toEqual([]);
    expect(answer.split('HTTP/1.1 ').length - 1).toBeLessThanOrEqual(2);
  });

  /** With no length at all a POST has no body, so what follows is simply the next request. */
  function honest(lines: readonly string[]): boolean {
    return lines.every((line) => line.startsWith('x: a\0'));
  }

  it('by two Host headers is refused, whichever of them would be right', async () => {
    const twice =
      'POST /two-hosts HTTP/1.1\r\nhost: 127.0.0.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n';
    expect(await exchange([twice])).toMatch(/^HTTP\/1\.1 400 .*more than one Host/s);
    expect(reached.filter((one) => one.includes('two-hosts'))).toEqual([]);
  });

  it('through a header’s value does not get out of it', async () => {
    const answer = await exchange([head([json, 'mcp-session-id: a\\r\\nx-evil: 1', 'content-length: 0'])]);
    expect(answer).toMatch(/^HTTP\/1\.1 [45]\d\d /);
  });
});

describe('names from the wire', () => {
  it('100,000 tools and 100,000 sessions leave memory and series bounded', async () => {
    const answer = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
    const quick = createServer((req, res) => {
      req.resume();
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length }).end(answer);
    });
    const one = await guardOf(await listening(quick));
    const pool = new Pool(one.listen, { connections: 16 });
    const send = async (name: string, session: string) => {
      const headers = { 'content-type': 'application/json', 'mcp-session-id': session };
      const { body } = await pool.request({ path: '/mcp', method: 'POST', headers, body: call(name) });
      await body.dump();
    };
    const lanes = async (from: number, to: number) => {
      let next = from;
      const lane = async () => {
        for (let turn = next++; turn < to; turn = next++) {
          await send(`${turn}-\u001b[31m"\n${'n'.repeat(turn % 300)}`, `s-${turn}`);
        }
      };
      await Promise.all(Array.from({ length: 16 }, lane));
    };
    await lanes(0, 20_000);
    const [memoryThen, seriesThen] = [await memory(one.admin), await series(one.admin)];
    await lanes(20_000, 100_000);
    // Sessions fill their table, which is bounded; names have long been at their bound.
    expect((await memory(one.admin)) - memoryThen).toBeLessThan(200 * MIB);
    expect(await series(one.admin)).toBeLessThan(seriesThen + 100);
    const exposition = await (await fetch(`${one.admin}/metrics`)).text();
    expect(exposition).toContain('_OTHER');
    expect(exposition).not.toContain('\u001b');
    await pool.close();
    await one.stop();
    quick.close();
  }, 170_000);
});

const call = (name: string) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } });

describe('an upstream that', () => {
  /** A second guard in front of a bad server: what its clients are told. */
  async function behind(handler: (socket: Socket) => void, env: Record<string, string> = {}) {
    const bad = createTcpServer((socket) => {
      socket.on('error', () => {});
      handler(socket);
    });
    const url = await listening(bad);
    const second = await guardOf(url, env);
    return {
      at: second.listen,
      stop: async () => {
        await second.stop();
        bad.close();
      },
    };
  }
  /** Reacts to whatever it is sent. */
  function asked(react: (socket: Socket) => void): (socket: Socket) => void {
    return (socket) => {
      socket.on('data', () => react(socket));
    };
  }
  const answers = (text: string) => asked((socket) => void socket.end(text));
  const http = (type: string, body: string, length = body.length) =>
    `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n\r\n${body}`;

  it.each([
    ['resets', asked((socket) => void socket.resetAndDestroy()), 502],
    ['says nothing and closes', asked((socket) => void socket.end()), 502],
    ['speaks no HTTP', answers('220 smtp ready\r\n'), 502],
    ['answers HTML', answers(http('text/html', '<h1>It works!</h1>')), 200],
    [
      'answers with a reason in another alphabet',
      answers(`HTTP/1.1 200 \u6210\u529f\r\ncontent-length: 2\r\n\r\n{}`),
      200,
    ],
    ['sends endless headers', answers(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(200_000)}\r\n\r\n`), 502],
  ] as const)('%s: the client is told so', async (_, handler, status) => {
    const one = await behind(handler);
    const response = await post(one.at, call('x'));
    expect(response.status).toBe(status);
    if (status === 502)
      expect(await response.json()).toMatchObject({ jsonrpc: '2.0', error: { code: -32000 } });
    await one.stop();
  });

  it.each([
    ['half a JSON body', http('application/json', '{"jsonrpc":', 100)],
    [
      'half an event',
      'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n6\r\ndata: \r\n',
    ],
  ])('sends %s and dies: the client’s answer breaks off too, and is no whole one', async (_, text) => {
    const one = await behind(asked((socket) => void socket.write(text, () => socket.destroy())));
    const response = await post(one.at, call('x'));
    await expect(response.text()).rejects.toThrow();
    await one.stop();
  });

  it('hangs: a deadline answers the agent in words, and others are served', async () => {
    const one = await behind(() => {}, { TOOL_TIMEOUT_SECONDS: '0.5' });
    const response = await post(one.at, call('x'));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id: 1, result: { isError: true } });
    await one.stop();
  });
});

it('an initialize in odd clothes is still answered', async () => {
  const odd: readonly Record<string, string>[] = [
    { 'mcp-method': 'tools/call' },
    { 'mcp-protocol-version': 'x'.repeat(300) },
    { 'mcp-session-id': ' ' },
  ];
  for (const headers of odd) {
    const response = await post(listen, initializeBody, headers);
    expect(response.status).toBeLessThan(500);
    await response.body?.cancel();
  }
});
