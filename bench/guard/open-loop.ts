/**
 * `node open-loop.ts RATE SECONDS ROUNDS URL…`: sends calls at a fixed rate, whatever comes back, to each URL by turns,
 * and prints the latencies of every round as JSON, URL by URL. A latency counts from the moment at which the call was
 * due, so a stall shows in every call that it held up, those included that could not be sent in time (no coordinated
 * omission).
 *
 * One process for all rounds, which opens its connections first and leaves next to no garbage: a load generator that
 * compiles or collects stalls for longer than what it measures, and then sends all at once what it has missed.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { argv, stdout } from 'node:process';
import { CLIENTS, requestText, sessionCall } from './calls.ts';
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
const CONNECTIONS = 256;
/** Rounds per URL that do not count: the runtime learns the program. */
const WARM_UP_ROUNDS = 2;
/** The first moments of a round do not count, either: what stood idle opens its connections again. */
const LEAD_SECONDS = 0.5;
const HEAD_END = Buffer.from('\r\n\r\n');
const OK = Buffer.from('HTTP/1.1 200 ');
const LENGTH = /content-length: (\d+)/i;

/** Where answers go. */
interface Answered {
  answered(connection: Connection, due: number, ok: boolean): void;
}

class Connection {
  readonly #socket: Socket;
  readonly #to: Answered;
  #due = 0;
  #busy = false;
  #received = 0;
  /** Length of head and body. */
  #expected = 0;
  #ok = false;

  private constructor(socket: Socket, to: Answered) {
    this.#to = to;
    this.#socket = socket;
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', () => this.#finish(false));
    this.#socket.on('close', () => this.#finish(false));
  }

  static async open({ hostname, port }: URL, to: Answered): Promise<Connection> {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket, to);
  }

  send(request: Buffer, due: number): void {
    this.#due = due;
    this.#busy = true;
    this.#received = 0;
    this.#socket.write(request);
  }

  end(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#received === 0) this.#readHead(chunk);
    this.#received += chunk.length;
    if (this.#received >= this.#expected) this.#finish(this.#ok);
  }

  /** A head comes in one piece here: it is smaller than any segment. */
  #readHead(chunk: Buffer): void {
    const head = chunk.indexOf(HEAD_END);
    this.#ok = chunk.compare(OK, 0, OK.length, 0, OK.length) === 0;
    this.#expected = head + HEAD_END.length + Number(LENGTH.exec(chunk.toString('latin1', 0, head))?.[1]);
  }

  #finish(ok: boolean): void {
    if (!this.#busy) return;
    this.#busy = false;
    this.#to.answered(this, this.#due, ok);
  }
}

/** The clients of one URL: each on a connection of its own, which takes its next call after all others. */
class Fleet implements Answered {
  readonly #requests: readonly Buffer[];
  readonly #idle: Connection[] = [];
  /** Due times of calls that wait for a connection. */
  readonly #waiting: number[] = [];
  #latencies: number[] = [];
  /** Due times from then on count. */
  #counted = 0;
  #answered = 0;
  #failed = 0;
  #sent = 0;

  private constructor(requests: readonly Buffer[]) {
    this.#requests = requests;
  }

  static async connect(url: URL): Promise<Fleet> {
    const requests = Array.from({ length: CLIENTS }, (_, client) =>
      Buffer.from(requestText(url.host, sessionCall, client), 'latin1'),
    );
    const fleet = new Fleet(requests);
    for (let n = 0; n < CONNECTIONS; n++) fleet.#idle.push(await Connection.open(url, fleet));
    return fleet;
  }

  async round(rate: number, seconds: number): Promise<Open> {
    this.#latencies = [];
    this.#answered = 0;
    this.#failed = 0;
    await this.#callAt(rate, Math.round(rate * (LEAD_SECONDS + seconds)));
    return {
      requests: this.#latencies.length,
      failed: this.#failed,
      p50Ms: quantile(this.#latencies, 0.5),
      p99Ms: quantile(this.#latencies, 0.99),
      maxMs: Math.max(...this.#latencies),
    };
  }

  end(): void {
    for (const one of this.#idle) one.end();
  }

  answered(connection: Connection, due: number, ok: boolean): void {
    if (!ok) this.#failed += 1;
    this.#answered += 1;
    if (due >= this.#counted) this.#latencies.push(performance.now() - due);
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(connection);
    else this.#send(connection, next);
  }

  #callAt(rate: number, calls: number): Promise<void> {
    const start = performance.now();
    this.#counted = start + LEAD_SECONDS * 1000;
    let called = 0;
    return new Promise((resolve) => {
      const tick = () => {
        const now = performance.now();
        for (; called < calls; called += 1) {
          const due = start + (called * 1000) / rate;
          if (due > now) break;
          this.#call(due);
        }
        if (this.#answered === calls) resolve();
        else setTimeout(tick, 1);
      };
      tick();
    });
  }

  #call(due: number): void {
    const connection = this.#idle.shift();
    if (connection) this.#send(connection, due);
    else this.#waiting.push(due);
  }

  #send(connection: Connection, due: number): void {
    connection.send(this.#requests[this.#sent++ % this.#requests.length]!, due);
  }
}

if (import.meta.main) {
  const [, , rate = '1000', seconds = '1', rounds = '5', ...urls] = argv;
  const fleets = await Promise.all(urls.map((url) => Fleet.connect(new URL(url))));
  const seen: Open[][] = urls.map(() => []);
  for (let turn = -WARM_UP_ROUNDS; turn < Number(rounds); turn++) {
    for (const [index, fleet] of fleets.entries()) {
      const round = await fleet.round(Number(rate), Number(seconds));
      if (turn >= 0) seen[index]!.push(round);
    }
  }
  for (const fleet of fleets) fleet.end();
  stdout.write(`${JSON.stringify(seen)}\n`);
}
