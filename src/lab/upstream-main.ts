/** A lab process: one MCP server. Settings are JSON in the first argument; `ready` goes out over IPC. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { calibrateBurn } from './burn.ts';
import { upstreamOptionsSchema } from './messages.ts';
import { searchIn, searchNothing } from './upstream-search.ts';
import { createUpstreamServer } from './upstream-server.ts';

// The lab may be killed at any moment; nothing of it stays behind.
process.once('disconnect', () => process.exit(0));

const settings = upstreamOptionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
const shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
const counters = new Int32Array(shared);

const exporter = new Worker(
  new URL(`../lab/upstream-metrics-main${extname(import.meta.url)}`, import.meta.url),
  {
    workerData: { host: settings.host, port: settings.metricsPort, counters: shared },
  },
);
exporter.on('error', (error) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
const [metricsPort] = (await once(exporter, 'message')) as [number];

const search = settings.dependency === null ? searchNothing : searchIn(settings.dependency);
const server = createUpstreamServer(calibrateBurn(settings.initializeCostMs), search, {
  initializeDone: () => void Atomics.add(counters, 0, 1),
  sessions: (count) => void Atomics.store(counters, 1, count),
});
// The port opens last, and nothing is awaited afterwards: a storm that waits outside takes the event loop at once.
server.listen(settings.port, settings.host, settings.backlog, () => {
  process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port, metricsPort });
});
