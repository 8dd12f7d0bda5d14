import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openIncident, openJournal } from '../../engine/index.ts';
import { AllclearError } from '../../kernel/index.ts';
import { as, startTestServer, type TestServer } from '../testing.ts';

let server: TestServer;
let url: string;
const clients: AbortController[] = [];

async function start(changes: Parameters<typeof startTestServer>[0] = {}): Promise<void> {
  server = await startTestServer(changes);
  url = await server.app.listen({ port: 0, host: '127.0.0.1' });
}

beforeEach(() => start());
afterEach(async () => {
  for (const client of clients.splice(0)) client.abort();
  await server.close();
});

async function open(title: string): Promise<string> {
  const opening = { runbook: '', version: null, title, severity: null, labels: {}, joinKey: null };
  return server.store.write((tx) => openIncident(tx, opening, 'test', server.clock));
}

function note(incident: string, text: string): Promise<void> {
  return openJournal({ store: server.store, incident, actor: 'test' }).append('note', { text });
}

interface Message {
  readonly id: string;
  readonly data: { seq: number; id?: string; state?: string; alertCount?: number };
}

/** Reads a stream; `take` waits for further messages, moving the test's clock along. */
async function stream(path: string, headers: Record<string, string> = {}) {
  const stop = new AbortController();
  clients.push(stop);
  const answer = await fetch(`${url}${path}`, {
    headers: { accept: 'text/event-stream', ...as('viewer'), ...headers },
    signal: stop.signal,
  });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let ended = false;
  const messages: Message[] = [];
  const pump = async (): Promise<void> => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
      for (;;) {
        const end = text.indexOf('\n\n');
        if (end < 0) break;
        const [, id, data] = /^id: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
        if (id !== undefined && data !== undefined) messages.push({ id, data: JSON.parse(data) });
        text = text.slice(end + 2);
      }
    }
  };
  const over = pump().then(
    () => (ended = true),
    () => (ended = true),
  );
  const take = async (count: number): Promise<Message[]> => {
    await until(() => messages.length >= count || ended);
    return messages.splice(0, count);
  };
  return { status: answer.status, take, over, close: () => stop.abort() };
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error('it did not come about');
    await server.clock.advance(50);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("an incident's stream", () => {
  it('tells what was, then what comes, and goes on after the last event that was seen', async () => {
    const id = await open('Storm');
    const path = `/api/v1/incidents/${id}/events`;
    const first = await stream(path);
    expect(await first.take(1)).toMatchObject([{ id: '1', data: { kind: 'opened' } }]);
    await note(id, 'one');
    expect(await first.take(1)).toMatchObject([{ id: '2', data: { text: 'note: one' } }]);
    first.close();
    await note(id, 'two');
    await note(id, 'three');
    const again = await stream(path, { 'last-event-id': '2' });
    expect((await again.take(2)).map((message) => message.data)).toMatchObject([
      { seq: 3, text: 'note: two' },
      { seq: 4, text: 'note: three' },
    ]);
    const after = await stream(`${path}?after=3`);
    expect(await after.take(1)).toMatchObject([{ id: '4' }]);
  });

  it('is complete and in order for all who watch, whenever they came', async () => {
    const id = await open('Storm');
    const path = `/api/v1/incidents/${id}/events`;
    const watchers = [await stream(path)];
    for (let n = 0; n < 450; n++) {
      await note(id, `note ${n}`);
      if (n === 100 || n === 300) watchers.push(await stream(path));
    }
    watchers.push(await stream(path));
    const expected = Array.from({ length: 451 }, (_, index) => index + 1);
    for (const watcher of watchers) {
      expect((await watcher.take(451)).map(({ data }) => data.seq)).toEqual(expected);
    }
  });

  it('asks the store once for a change, however many watch', async () => {
    const id = await open('Storm');
    const streams = [];
    for (let n = 0; n < 10; n++) streams.push(await stream(`/api/v1/incidents/${id}/events`));
    for (const one of streams) await one.take(1);
    await until(() => server.clock.pending > 0);
    let queries = 0;
    const { db } = server.store;
    const select = db.selectFrom.bind(db) as (table: never) => never;
    db.selectFrom = (table: never) => {
      if (table === 'events') queries += 1;
      return select(table);
    };
    await note(id, 'one');
    for (const one of streams) expect(await one.take(1)).toMatchObject([{ id: '2' }]);
    expect(queries).toBe(1);
  });

  it('begins anew for a number that was never given', async () => {
    const id = await open('Storm');
    const other = await stream(`/api/v1/incidents/${id}/events`, { 'last-event-id': '500' });
    expect(await other.take(1)).toMatchObject([{ id: '1' }]);
  });

  it('is one of a bounded number', async () => {
    await server.close();
    await start({ streams: { total: 3, perActor: 2 } });
    const path = `/api/v1/incidents/${await open('Storm')}/events`;
    await stream(path);
    const second = await stream(path);
    expect((await stream(path)).status).toBe(429);
    expect((await stream(path, as('admin'))).status).toBe(200);
    expect((await stream(path, as('approver'))).status).toBe(503);
    second.close();
    await until(() => true);
    for (let status = 0; status !== 200; ) ({ status } = await stream(path));
  });

  it('ends when the access of its actor ends, and not when the store is away for a moment', async () => {
    await server.close();
    let refusal: AllclearError | null = null;
    await start({
      access: {
        authenticate: async () => {
          if (refusal) throw refusal;
          return { name: 'ada', role: 'viewer', via: 'token' };
        },
        authenticateWebhook: () => Promise.reject(new Error('not asked')),
      },
    });
    const id = await open('Storm');
    const watched = await stream(`/api/v1/incidents/${id}/events`);
    await watched.take(1);
    refusal = new AllclearError('E_STORE_BUSY', { what: 'busy' });
    await server.clock.advance(16_000);
    await note(id, 'still there');
    expect(await watched.take(1)).toMatchObject([{ id: '2' }]);
    refusal = new AllclearError('E_UNAUTHORIZED', { what: 'revoked' });
    await server.clock.advance(16_000);
    expect(await watched.over).toBe(true);
  });

  it('ends when the server stops', async () => {
    const watched = await stream(`/api/v1/incidents/${await open('Storm')}/events`);
    await watched.take(1);
    await server.app.close();
    expect(await watched.over).toBe(true);
  });
});

describe('the stream of changes', () => {
  it('tells of every incident that changes, as it is now', async () => {
    const watched = await stream('/api/v1/events');
    const a = await open('A');
    expect(await watched.take(1)).toMatchObject([{ data: { id: a, seq: 1, state: 'open' } }]);
    await note(a, 'x');
    expect(await watched.take(1)).toMatchObject([{ data: { id: a, seq: 2 } }]);
  });

  it('goes on from the last change that was seen, and misses nothing', async () => {
    const watched = await stream('/api/v1/events');
    await open('A');
    const [seen] = await watched.take(1);
    watched.close();
    await server.clock.advance(60_000);
    const missed: string[] = [];
    for (let n = 0; n < 450; n++) {
      missed.push(await open(`Missed ${n}`));
      await server.clock.advance(100);
    }
    const again = await stream('/api/v1/events', { 'last-event-id': seen!.id });
    const told = new Set<string>();
    while (missed.some((id) => !told.has(id))) for (const { data } of await again.take(1)) told.add(data.id!);
    const late = await open('Late');
    while (!told.has(late)) for (const { data } of await again.take(1)) told.add(data.id!);
  });

  it('sees what changes after the clock was set back', async () => {
    const watched = await stream('/api/v1/events');
    await open('A');
    await watched.take(1);
    server.clock.jump(-3_600_000);
    const b = await open('B');
    expect(await watched.take(1)).toMatchObject([{ data: { id: b } }]);
  });
});
