import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiClient } from './api-client.ts';

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: RequestListener, token = 'allclear_x'): Promise<ApiClient> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return new ApiClient(`http://127.0.0.1:${port}`, token, new AbortController().signal);
}

const answers =
  (status: number, body: string, headers = {}): RequestListener =>
  (_, response) =>
    response.writeHead(status, headers).end(body);

describe('what goes wrong with a server is said in our own errors', () => {
  it.each([
    [
      'its own error',
      409,
      '{"error":{"code":"E_STEP_BUSY","what":"it runs","next":"Wait."}}',
      'E_STEP_BUSY',
      'it runs',
    ],
    [
      'a code of another version',
      418,
      '{"error":{"code":"E_TEAPOT","what":"x"}}',
      'E_BAD_RESPONSE',
      'E_TEAPOT',
    ],
    ['a code that every object has', 400, '{"error":{"code":"constructor"}}', 'E_BAD_RESPONSE', '400'],
    ['a page of a proxy', 502, '<html>Bad gateway</html>', 'E_BAD_RESPONSE', '502'],
    ['no JSON', 200, 'hello', 'E_BAD_RESPONSE', 'JSON'],
    ['other JSON', 200, '[1]', 'E_BAD_RESPONSE', 'form'],
  ])('%s', async (_, status, body, code, words) => {
    const client = await serve(answers(status, body));
    await expect(client.view('inc-1')).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
  });

  it('nobody there, and what is no address', async () => {
    const client = await serve(answers(200, ''));
    server!.close();
    server!.closeAllConnections();
    await expect(client.view('inc-1')).rejects.toMatchObject({
      code: 'E_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    for (const text of ['nonsense', 'ftp://x', '', 'localhost:8600'])
      expect(() => new ApiClient(text, '', new AbortController().signal)).toThrow(
        expect.objectContaining({ code: 'E_BAD_VALUE' }),
      );
  });

  it('a token that is missing: which variable takes it', async () => {
    const client = await serve(answers(401, '{"error":{"code":"E_UNAUTHORIZED","what":"x"}}'), '');
    await expect(client.view('inc-1')).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      details: { next: expect.stringContaining('ALLCLEAR_TOKEN') },
    });
  });
});

it('a token is not taken along to where a server leads', async () => {
  const seen: (string | undefined)[] = [];
  const client = await serve((request, response) => {
    seen.push(request.url);
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  await expect(client.view('inc-1')).rejects.toMatchObject({ code: 'E_BAD_RESPONSE' });
  expect(seen).toEqual(['/api/v1/incidents/inc-1']);
});

it('an id cannot lead to another route', async () => {
  const seen: (string | undefined)[] = [];
  const client = await serve((request, response) => {
    seen.push(request.url);
    response.writeHead(404).end();
  });
  await expect(client.view('../tokens?x=')).rejects.toThrow();
  expect(seen).toEqual(['/api/v1/incidents/..%2Ftokens%3Fx%3D']);
});

it('a list is read page by page, and no further than asked', async () => {
  const one = (n: number) => ({
    id: `inc-${n}`,
    title: '',
    severity: null,
    runbook: null,
    state: 'open',
    open: true,
    waiting: null,
    labels: {},
    site: '',
    assignee: null,
    alertCount: 0,
    openedAt: 0,
    updatedAt: 0,
    closedAt: null,
    seq: 1,
  });
  const limits: (string | null)[] = [];
  const client = await serve((request, response) => {
    const { searchParams } = new URL(request.url!, 'http://x');
    limits.push(searchParams.get('limit'));
    const first = Number(searchParams.get('after') ?? 0);
    const incidents = Array.from({ length: Number(searchParams.get('limit')) }, (_, index) =>
      one(first + index),
    );
    response.end(JSON.stringify({ incidents, next: String(first + incidents.length) }));
  });
  const all = await client.list({ openOnly: false, limit: 250 });
  expect(all.map(({ id }) => id)).toEqual(Array.from({ length: 250 }, (_, n) => `inc-${n}`));
  expect(limits).toEqual(['200', '50']);
});

it('a stream says where it goes on, and breaks with an error of ours', async () => {
  const asked: unknown[] = [];
  const event = { seq: 8, at: 1, actor: 'ada', kind: 'note', text: 'note: x', data: {} };
  const client = await serve((request, response) => {
    asked.push(request.headers['last-event-id']);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`id: 8\ndata: ${JSON.stringify(event)}\n\n`, () => request.socket.destroy());
  });
  const seen: unknown[] = [];
  const reading = (async () => {
    for await (const told of client.follow('inc-1', 7)) seen.push(told);
  })();
  await expect(reading).rejects.toMatchObject({ code: 'E_UNREACHABLE' });
  expect([asked, seen]).toEqual([['7'], [event]]);
});
