/** A lab process: one MCP server. Settings are JSON in the first argument; `ready` goes out over IPC. */
import type { AddressInfo } from 'node:net';
import { calibrateBurn } from './burn.ts';
import { upstreamOptionsSchema } from './messages.ts';
import { startExporter } from './upstream-exporter.ts';
import { searchIn, searchNothing } from './upstream-search.ts';
import { createUpstreamServer } from './upstream-server.ts';

// The lab may be killed at any moment; nothing of it stays behind.
process.once('disconnect', () => process.exit(0));

const settings = upstreamOptionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
const exporter = await startExporter({ host: settings.host, port: settings.metricsPort });
const search = settings.dependency === null ? searchNothing : searchIn(settings.dependency);
const server = createUpstreamServer(calibrateBurn(settings.initializeCostMs), search, exporter.counters);
// The port opens last, and nothing is awaited afterwards: a storm that waits outside takes the event loop at once.
server.listen(settings.port, settings.host, settings.backlog, () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ type: 'ready', port, metricsPort: exporter.port });
});
