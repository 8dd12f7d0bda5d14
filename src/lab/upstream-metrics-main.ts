/**
 * The upstream's `/metrics`, in a worker thread: like a node exporter or cAdvisor beside a server,
 * it answers while the server's own event loop is drowning. CPU is that of the whole process.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { z } from 'zod';

const data = z
  .object({ host: z.string(), port: z.number().int(), counters: z.instanceof(SharedArrayBuffer) })
  .parse(workerData);
const counters = new Int32Array(data.counters);

const registry = new Registry();
collectDefaultMetrics({ register: registry });
registry.registerMetric(
  new Counter({
    name: 'lab_initialize_done_total',
    help: 'Initialize requests that this server worked through, whether or not the client was still there.',
    registers: [],
    collect() {
      this.reset();
      this.inc(Atomics.load(counters, 0));
    },
  }),
);
registry.registerMetric(
  new Gauge({
    name: 'lab_sessions',
    help: 'Sessions this server holds, abandoned ones included.',
    registers: [],
    collect() {
      this.set(Atomics.load(counters, 1));
    },
  }),
);

const server = createServer((request, response) => {
  if (request.url?.split('?', 1)[0] !== '/metrics') {
    response.writeHead(404).end();
    return;
  }
  registry.metrics().then(
    (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
    () => response.writeHead(500).end(),
  );
});
server.on('error', (error) => {
  throw error;
});
server.listen(data.port, data.host, () => {
  // oxlint-disable-next-line require-post-message-target-origin -- a worker's port has no origin
  parentPort?.postMessage((server.address() as AddressInfo).port);
});
