/** A lab process: the search index that a tool asks. Settings are JSON in the first argument; reports go over IPC. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../kernel/index.ts';
import { type DependencyReport, dependencyCommandSchema, dependencyOptionsSchema } from './messages.ts';
import { WorkerPool } from './worker-pool.ts';

// The lab may be killed at any moment; nothing of it stays behind.
process.once('disconnect', () => process.exit(0));

const settings = dependencyOptionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
let serviceMs = settings.serviceMs;
let restore = () => {};
const pool = new WorkerPool(systemClock, { ...settings, serviceMs: () => serviceMs });

process.on('message', (message: unknown) => {
  const command = dependencyCommandSchema.parse(message);
  restore();
  serviceMs = command.serviceMs;
  restore = systemClock.after(command.forMs, () => {
    serviceMs = settings.serviceMs;
  });
});

// A query runs to its end also when the connection of who asked is closed: databases do not look, either.
const server = createServer((request, response) => {
  const query = new URL(request.url ?? '/', 'http://index').searchParams.get('q') ?? '';
  const taken = pool.submit(() => response.end(`nothing found for ${query}`));
  if (!taken) response.writeHead(503).end('too many queries wait');
});
server.listen(0, '127.0.0.1', 4096, () => {
  report();
  setInterval(report, settings.reportMs);
});

function report(): void {
  const message: DependencyReport = {
    type: 'report',
    port: (server.address() as AddressInfo).port,
    queries: pool.queries,
    done: pool.done,
    waiting: pool.waiting,
    running: pool.running,
    slow: serviceMs !== settings.serviceMs,
  };
  process.send?.(message);
}
