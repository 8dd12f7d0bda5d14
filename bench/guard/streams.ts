/**
 * Event streams of 10,000 events, one write each, as fast as the server can.
 * `node streams.ts serve PORT` is the server; `node streams.ts read URL STREAMS` reads so many at the same time
 * and prints the milliseconds until the last one has ended.
 */
import { createServer, request, type ServerResponse } from 'node:http';
import { argv, stdout } from 'node:process';

export const EVENTS = 10_000;

const CALL = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'count' } });

function serve(port: number): void {
  createServer((req, res) => {
    req.resume();
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    write(res, 0);
  }).listen(port, '127.0.0.1');
}

function write(res: ServerResponse, from: number): void {
  for (let index = from; index < EVENTS; index++) {
    const params = { progressToken: 1, progress: index, total: EVENTS };
    const message = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params });
    if (res.write(`event: message\ndata: ${message}\n\n`) || res.destroyed) continue;
    res.once('drain', () => write(res, index + 1));
    return;
  }
  res.end('event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n');
}

/** @throws Error when an event is missing */
function readOne(url: string): Promise<void> {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  return new Promise((resolve, reject) => {
    const req = request(url, { method: 'POST', headers }, (res) => {
      let events = 0;
      let last = 0;
      res.on('data', (chunk: Buffer) => {
        for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) {
          if (at === 0 ? last === 10 : chunk[at - 1] === 10) events += 1;
        }
        last = chunk.at(-1)!;
      });
      res.on('error', reject);
      res.on('end', () => {
        if (events === EVENTS + 1) resolve();
        else reject(new Error(`${events} of ${EVENTS + 1} events came`));
      });
    });
    req.on('error', reject);
    req.end(CALL);
  });
}

if (import.meta.main) {
  const [, , what, target = '', streams = '1'] = argv;
  if (what === 'serve') serve(Number(target));
  else {
    await readOne(target);
    const start = performance.now();
    await Promise.all(Array.from({ length: Number(streams) }, () => readOne(target)));
    stdout.write(`${performance.now() - start}\n`);
  }
}
