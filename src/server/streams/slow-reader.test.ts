import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Desk, openIncident, openJournal } from '../../engine/index.ts';
import { systemClock } from '../../kernel/index.ts';
import { openStore } from '../../store/index.ts';
import { startTestServer } from '../testing.ts';

it('a reader that takes nothing is cut, and nothing piles up for it', async () => {
  const store = await openStore(':memory:');
  const desk: Desk = {
    store,
    clock: systemClock,
    library: { list: () => [] },
    policies: [],
    params: {},
    secrets: [],
  };
  const server = await startTestServer({ store, desk, streams: { heartbeatMs: 300 } });
  const url = await server.app.listen({ port: 0, host: '127.0.0.1' });
  const opening = { runbook: '', version: null, title: 'A', severity: null, labels: {}, joinKey: null };
  const id = await store.write((tx) => openIncident(tx, opening, 'test', systemClock));
  // 16 MB: more than the system keeps for a connection.
  for (let n = 0; n < 200; n++) {
    await openJournal({ store, incident: id, actor: 'test' }).commit(async (page) => {
      for (let more = 0; more < 10; more++) await page.append('note', { text: 'x'.repeat(8_000) });
    });
  }
  const socket = connect(Number(new URL(url).port), '127.0.0.1').pause();
  socket.on('error', () => {});
  socket.write(
    `GET /api/v1/incidents/${id}/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nAuthorization: Bearer viewer\r\n\r\n`,
  );
  const open = () =>
    new Promise<number>((resolve, reject) => {
      server.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  while ((await open()) === 0) await pause(20);
  while ((await open()) > 0) await pause(50);
  const gone = once(socket, 'close');
  socket.resume();
  await gone;
  expect(socket.bytesRead).toBeGreaterThan(0);
  expect(socket.bytesRead).toBeLessThan(14_000_000);
  await server.close();
});
