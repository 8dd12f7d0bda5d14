/**
 * The yardstick: the least that a proxy of `node:http` and undici must do for a request. It reads no message,
 * counts nothing, knows no session, and cares for no client that leaves. `node bare.ts UPSTREAM PORT`.
 */
import { createServer, type ServerResponse } from 'node:http';
import { argv } from 'node:process';
import { type Dispatcher, Pool } from 'undici';

const [, , upstream = '', port = '0'] = argv;
const pool = new Pool(upstream, { headersTimeout: 0, bodyTimeout: 0 });

createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const { host: _host, connection: _connection, 'content-length': _length, ...headers } = req.headers;
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    const method = req.method as Dispatcher.HttpMethod;
    pool.dispatch({ method, path: req.url!, headers, body }, new Passage(res));
  });
}).listen(Number(port), '127.0.0.1');

class Passage implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse;

  constructor(res: ServerResponse) {
    this.#res = res;
  }

  onRequestStart(): void {}

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    const { connection: _connection, 'transfer-encoding': _encoding, ...rest } = headers;
    this.#res.writeHead(status, rest);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#res.write(chunk);
  }

  onResponseEnd(): void {
    this.#res.end();
  }

  onResponseError(): void {
    this.#res.destroy();
  }
}
