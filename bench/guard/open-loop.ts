/**
 * `node open-loop.ts URL RATE SECONDS ERA`: sends calls at a fixed rate, whatever comes back, and prints latencies
 * as JSON. A latency counts from the moment at which the call was due, so a stall shows in every call
 * that it held up, those included that could not be sent in time (no coordinated omission).
 */
import { connect, type Socket } from 'node:net';
import { argv, stdout } from 'node:process';
import { CLIENTS, requestText, sessionCall, statelessCall } from './calls.ts';
import { quantile } from './statistics.ts';

export interface Open {
  readonly requests: number;
  /** Requests that were not answered with 200. */
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** A call that finds none of them free waits for one, and its latency counts on. */
const MAX_CONNECTIONS = 256;
/** Latencies of the first moments belong to connections that are being opened. */
const WARM_UP_SECONDS = 1;

class Connection {
  readonly #socket: Socket;
  readonly #free: (one: Connection) => void;
  #answer = '';
  #done: ((ok: boolean) => void) | null = null;

  constructor(url: URL, free: (one: Connection) => void) {
    this.#free = free;
    this.#socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    this.#socket.setEncoding('latin1').on('data', (text: string) => this.#read(text));
    this.#socket.on('error', () => this.#finish(false));
    this.#socket.on('close', () => this.#finish(false));
  }

  send(request: string, done: (ok: boolean) => void): void {
    this.#answer = '';
    this.#done = done;
    this.#socket.write(request, 'latin1');
  }

  end(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#answer += text;
    const head = this.#answer.indexOf('\r\n\r\n');
    if (head === -1) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#answer)?.[1]);
    if (this.#answer.length < head + 4 + length) return;
    this.#finish(this.#answer.startsWith('HTTP/1.1 200 '));
    this.#free(this);
  }

  #finish(ok: boolean): void {
    const done = this.#done;
    this.#done = null;
    done?.(ok);
  }
}

async function openLoop(url: URL, rate: number, seconds: number, requests: readonly string[]): Promise<Open> {
  const idle: Connection[] = [];
  /** Due times of calls that wait for a connection. */
  const waiting: number[] = [];
  const latencies: number[] = [];
  let connections = 0;
  let failed = 0;
  let answered = 0;
  let sent = 0;
  const total = Math.round(rate * (seconds + WARM_UP_SECONDS));
  const start = performance.now();
  const counted = start + WARM_UP_SECONDS * 1000;
  const send = (connection: Connection, due: number) => {
    sent += 1;
    connection.send(requests[sent % requests.length]!, (ok) => {
      answered += 1;
      if (!ok) failed += 1;
      if (due >= counted) latencies.push(performance.now() - due);
    });
  };
  const free = (connection: Connection) => {
    const due = waiting.shift();
    if (due === undefined) idle.push(connection);
    else send(connection, due);
  };
  const call = (due: number) => {
    const connection = idle.pop();
    if (connection) send(connection, due);
    else if (connections === MAX_CONNECTIONS) waiting.push(due);
    else {
      connections += 1;
      send(new Connection(url, free), due);
    }
  };
  let called = 0;
  await new Promise<void>((resolve) => {
    const tick = () => {
      const now = performance.now();
      for (; called < total; called += 1) {
        const due = start + (called * 1000) / rate;
        if (due > now) break;
        call(due);
      }
      if (answered === total) resolve();
      else setTimeout(tick, 1);
    };
    tick();
  });
  for (const one of idle) one.end();
  return {
    requests: latencies.length,
    failed,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: Math.max(...latencies),
  };
}

if (import.meta.main) {
  const [, , target = '', rate = '1000', seconds = '5', era = 'session'] = argv;
  const url = new URL(target);
  const call = era === 'stateless' ? statelessCall : sessionCall;
  const requests = Array.from({ length: CLIENTS }, (_, client) => requestText(url.host, call, client));
  stdout.write(`${JSON.stringify(await openLoop(url, Number(rate), Number(seconds), requests))}\n`);
}
