/** A lab process: an MCP server that wants a token. Settings are JSON in the first argument; `ready` goes out over IPC. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../kernel/index.ts';
import { startExporter } from '../upstream-exporter.ts';
import { searchNothing } from '../upstream-search.ts';
import { createUpstreamServer } from '../upstream-server.ts';
import { keysOf } from './bearer.ts';
import { resourceServerOptionsSchema } from './messages.ts';
import { requireToken } from './resource-server.ts';

// The lab may be killed at any moment; nothing of it stays behind.
process.once('disconnect', () => process.exit(0));

const { issuer, keysUrl } = resourceServerOptionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
const keys = keysOf(await (await fetch(keysUrl)).json());
const exporter = await startExporter({ host: '127.0.0.1', port: 0 });
// It never listens: it serves what the token check lets through.
const mcp = createUpstreamServer(() => {}, searchNothing, exporter.counters);
const next = (request: IncomingMessage, response: ServerResponse) =>
  void mcp.emit('request', request, response);
const server = createServer(requireToken(next, () => ({ issuer, keys, now: systemClock.now() })));
server.listen(0, '127.0.0.1', 2048, () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ type: 'ready', port, metricsPort: exporter.port });
});
