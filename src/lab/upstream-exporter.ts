import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { mainModule } from './child.ts';
import type { UpstreamCounters } from './upstream-server.ts';

/**
 * Starts `/metrics` of an MCP server in a thread of its own (see `upstream-metrics-main`); an error there ends
 * the process. Gives the port, and where to count.
 */
export async function startExporter(options: {
  host: string;
  port: number;
}): Promise<{ readonly port: number; readonly counters: UpstreamCounters }> {
  const shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  const counters = new Int32Array(shared);
  const exporter = new Worker(mainModule('upstream-metrics-main'), {
    workerData: { ...options, counters: shared },
  });
  exporter.on('error', (error) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  });
  const [port] = (await once(exporter, 'message')) as [number];
  return {
    port,
    counters: {
      initializeDone: () => void Atomics.add(counters, 0, 1),
      sessions: (count) => void Atomics.store(counters, 1, count),
    },
  };
}
