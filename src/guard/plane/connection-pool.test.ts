import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Dispatcher } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { ConnectionPool } from './connection-pool.ts';

/** A server that answers when it is told to. */
class Server {
  readonly asked: ServerResponse[] = [];
  connections = 0;
  readonly #server = createServer((_req, res) => this.asked.push(res)).on('connection', () => {
    this.connections += 1;
  });

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async isAsked(times: number): Promise<void> {
    await expect.poll(() => this.asked.length, { interval: 5 }).toBe(times);
  }

  answer(count = this.asked.length): void {
    for (const res of this.asked.splice(0, count)) res.end('ok');
  }

  /** Ends idle connections, as servers do after a while. */
  hangUp(): void {
    this.#server.closeIdleConnections();
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Remembers how its request ended. */
class Ending implements Dispatcher.DispatchHandler {
  outcome = '';
  cut = false;

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.cut) controller.abort(new Error('cut'));
  }

  onResponseStart(): void {}

  onResponseData(): void {}

  onResponseEnd(): void {
    this.outcome = 'answered';
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.outcome = error.message;
  }
}

const GET = { method: 'GET', path: '/' } as const;

describe('a pool of connections', () => {
  let server: Server;
  let clock: TestClock;
  let pool: ConnectionPool;

  beforeEach(async () => {
    server = new Server();
    clock = new TestClock();
    pool = new ConnectionPool(clock, await server.listen(), { pipelining: 1 });
  });

  afterEach(async () => {
    await pool.destroy(new Error('over'));
    server.close();
  });

  function ask(times: number, options: Dispatcher.DispatchOptions = GET): Ending[] {
    const endings = Array.from({ length: times }, () => new Ending());
    for (const ending of endings) pool.dispatch(options, ending);
    return endings;
  }

  async function ended(endings: readonly Ending[], outcome = 'answered'): Promise<void> {
    await expect
      .poll(() => endings.map((ending) => ending.outcome), { interval: 5 })
      .toEqual(endings.map(() => outcome));
  }

  /** Until the connections of the last calls can be used again. */
  async function freed(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  }

  async function answered(times: number): Promise<void> {
    const endings = ask(times);
    await server.isAsked(times);
    server.answer();
    await ended(endings);
    await freed();
    await clock.advance(5);
  }

  it('takes one that is free before it opens another', async () => {
    await answered(1);
    await answered(1);
    expect(server.connections).toBe(1);
  });

  it('opens one for each call at once where none comes free: in front of slow tools nobody waits for others', async () => {
    const endings = ask(100);
    await server.isAsked(100);
    expect(server.connections).toBe(100);
    server.answer();
    await ended(endings);
  });

  it('opens only some while others come free all the time, and the rest take what comes free', async () => {
    await answered(3);
    const endings = ask(30);
    await server.isAsked(5);
    expect(server.connections).toBe(5);
    for (let left = 30; left > 0; left -= 5) {
      await server.isAsked(5);
      server.answer();
    }
    await ended(endings);
    expect(server.connections).toBe(5);
  });

  it('opens more, some at a time, as long as those that wait find none', async () => {
    await answered(1);
    const endings = ask(9);
    await server.isAsked(3);
    await clock.advance(5);
    await server.isAsked(5);
    await clock.advance(5);
    await server.isAsked(7);
    // None has come free for long: now each gets one.
    await clock.advance(100);
    await server.isAsked(9);
    server.answer();
    await ended(endings);
  });

  it('opens for those that have waited before those that come later', async () => {
    await answered(1);
    ask(3);
    await clock.advance(3);
    const early = ask(1);
    await clock.advance(2);
    const late = ask(1);
    await server.isAsked(3);
    server.answer(1);
    await server.isAsked(3);
    server.answer();
    await ended(early);
    await server.isAsked(1);
    server.answer();
    await ended(late);
  });

  it('forgets those that the server has closed', async () => {
    await answered(2);
    server.hangUp();
    await freed();
    await answered(2);
  });

  it('goes on after requests that cannot be written, that are cut before they begin, and after refused connections', async () => {
    await answered(1);
    const bad = ask(3, { ...GET, headers: { 'bad name': 'x' } });
    await ended(bad, 'invalid header key');
    const cut = new Ending();
    cut.cut = true;
    pool.dispatch(GET, cut);
    await ended([cut], 'cut');
    await freed();
    await answered(1);
    server.close();
    const refused = ask(3);
    await expect.poll(() => refused.every(({ outcome }) => outcome !== '')).toBe(true);
    expect(refused.map(({ outcome }) => outcome)).not.toContain('answered');
  });

  it('tells all that wait or run when it is destroyed, and all that come later', async () => {
    await answered(1);
    const endings = ask(10);
    await server.isAsked(3);
    await pool.destroy(new Error('the guard stops'));
    endings.push(...ask(1));
    await ended(endings, 'the guard stops');
  });
});
