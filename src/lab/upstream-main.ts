/** A lab process: one MCP server. Settings are JSON in the first argument; `ready` goes out over IPC. */
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { calibrateBurn } from './burn.ts';
import { upstreamOptionsSchema } from './messages.ts';
import { createUpstreamServer } from './upstream-server.ts';

// The lab may be killed at any moment; nothing of it stays behind.
process.once('disconnect', () => process.exit(0));

const settings = upstreamOptionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
const shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
const counters = new Int32Array(shared);

const server = createUpstreamServer(calibrateBurn(settings.initializeCostMs), {
  initializeDone: () => void Atomics.add(counters, 0, 1),
  sessions: (count) => void Atomics.store(counters, 1, count),
});
await new Promise<void>((resolve, reject) => {
  server.once('error', reject);
  server.listen(settings.port, settings.host, settings.backlog, resolve);
});

const exporter = new Worker(new URL(`./upstream-metrics${extname(import.meta.url)}`, import.meta.url), {
  workerData: { host: settings.host, port: settings.metricsPort, counters: shared },
});
exporter.on('error', (error) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
exporter.once('message', (metricsPort: number) => {
  process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port, metricsPort });
});
