import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { BodyBudget, type BodyResult, readBody } from './body.ts';

const MIB = 1024 * 1024;
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that reads each body, and tells what it read before it answers. */
async function reader(budget: BodyBudget, maxBytes = MIB) {
  const results: BodyResult[] = [];
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    res.on('error', () => {});
    readBody(
      req,
      res,
      budget,
      (result) => {
        results.push(result);
        res.end(result.kind);
      },
      maxBytes,
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, results };
}

function send(port: number, chunks: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({ port, host: '127.0.0.1', method: 'POST', agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (part: string) => (text += part));
      res.on('end', () => resolve(text));
    });
    req.on('error', reject);
    for (const chunk of chunks) req.write(chunk);
    req.end();
  });
}

/** A budget that is free again takes everything at once. */
function isFree(budget: BodyBudget): boolean {
  const all = 256 * MIB;
  const free = budget.take(all, true);
  if (free) budget.give(all);
  return free;
}

test('a body is given whole, and leaves the budget when the answer is through', async () => {
  const budget = new BodyBudget();
  const { port, results } = await reader(budget);
  expect(await send(port, ['one,', 'two'])).toBe('whole');
  expect(results).toEqual([{ kind: 'whole', body: Buffer.from('one,two') }]);
  await expect.poll(() => isFree(budget)).toBe(true);
});

test('a body above the bound is refused and its rest thrown away', async () => {
  const budget = new BodyBudget();
  const { port, results } = await reader(budget, 10);
  expect(await send(port, ['123456', '7890', 'too much', 'and more'])).toBe('too-large');
  expect(results).toEqual([{ kind: 'too-large' }]);
  await expect.poll(() => isFree(budget)).toBe(true);
});

/** Head and body in one packet, as clients send a small message. Resolves to what came back. */
async function sendAtOnce(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => (text += part));
  socket.write(bytes);
  await once(socket, 'close');
  return text;
}

test.each([
  ['with a length', 'content-length: 7\r\n\r\none,two', 'one,two'],
  ['in chunks', 'transfer-encoding: chunked\r\n\r\n4\r\none,\r\n3\r\ntwo\r\n0\r\n\r\n', 'one,two'],
  ['without a body', 'content-length: 0\r\n\r\n', ''],
])('a request that comes in one packet is read whole: %s', async (_how, rest, body) => {
  const budget = new BodyBudget();
  const { port, results } = await reader(budget);
  expect(await sendAtOnce(port, `POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${rest}`)).toMatch(
    /whole/,
  );
  expect(results).toEqual([{ kind: 'whole', body: Buffer.from(body) }]);
  await expect.poll(() => isFree(budget)).toBe(true);
});

test('the bounds hold for what comes in one packet too', async () => {
  const budget = new BodyBudget();
  const { port } = await reader(budget, 6);
  const head = 'POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n';
  expect(await sendAtOnce(port, `${head}7\r\none,two\r\n0\r\n\r\n`)).toMatch(/too-large/);
  budget.take(256 * MIB - 2, true);
  expect(await sendAtOnce(port, `${head}3\r\none\r\n0\r\n\r\n`)).toMatch(/no-memory/);
  budget.give(256 * MIB - 2);
  expect(isFree(budget)).toBe(true);
});

test('requests that follow each other in one packet are told apart', async () => {
  const budget = new BodyBudget();
  const { port, results } = await reader(budget);
  const one = (body: string, how: string) =>
    `POST / HTTP/1.1\r\nhost: a\r\nconnection: ${how}\r\ncontent-length: 3\r\n\r\n${body}`;
  await sendAtOnce(port, one('one', 'keep-alive') + one('two', 'close'));
  expect(results.map((result) => result.kind === 'whole' && String(result.body))).toEqual(['one', 'two']);
  await expect.poll(() => isFree(budget)).toBe(true);
});

test('a body that finds no room in the budget is refused', async () => {
  const budget = new BodyBudget();
  budget.take(256 * MIB - 4, true);
  const { port } = await reader(budget);
  expect(await send(port, ['123', '456'])).toBe('no-memory');
  budget.give(256 * MIB - 4);
  await expect.poll(() => isFree(budget)).toBe(true);
});

test('large bodies that never end leave room for small ones', async () => {
  const budget = new BodyBudget();
  const { port } = await reader(budget);
  const large = 100 * 1024;
  // As many as are taken, held as long as they like.
  while (budget.take(large, false));
  expect(await send(port, ['x'.repeat(large)])).toBe('no-memory');
  expect(await send(port, ['{"jsonrpc":"2.0"}'])).toBe('whole');
});

test('a body that comes in tiny pieces is given as it was', async () => {
  const budget = new BodyBudget();
  const { port, results } = await reader(budget);
  const pieces = Array.from({ length: 1000 }, (_, index) =>
    index % 100 === 99 ? 'y'.repeat(300) : String(index % 10),
  );
  expect(await send(port, pieces)).toBe('whole');
  expect(results).toEqual([{ kind: 'whole', body: Buffer.from(pieces.join('')) }]);
});

test('a client that leaves in the middle of its body is told of once, and costs nothing afterwards', async () => {
  const budget = new BodyBudget();
  const { port, results } = await reader(budget);
  const socket = connect(port, '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf of it');
  await expect.poll(() => isFree(budget)).toBe(false);
  socket.destroy();
  await expect.poll(() => results).toEqual([{ kind: 'gone' }]);
  expect(isFree(budget)).toBe(true);
});
