/** The workers that are there. */
import { z } from 'zod';
import { listWorkers } from '../../store/index.ts';
import type { App } from '../app.ts';
import { errors } from '../failures.ts';
import type { ServerOptions } from '../options.ts';
import { WORKER_SEEN_MS } from '../worker-seen.ts';

const worker = z.object({
  id: z.string().describe('host:pid:random'),
  sites: z.array(z.string()).nullable().describe('The sites it takes work for; null any'),
  version: z.string(),
  startedAt: z.number(),
  seenAt: z.number(),
});

export function workerRoutes(app: App, { desk: { store } }: ServerOptions): void {
  app.get(
    '/api/v1/workers',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['service'],
        summary: 'The workers that were seen in the last minute',
        response: { 200: z.object({ workers: z.array(worker) }), ...errors(401, 403, 503) },
      },
    },
    async () => {
      const workers = await listWorkers(store.db, store.now() - WORKER_SEEN_MS);
      return { workers: workers.map((one) => ({ ...one, sites: one.sites && [...one.sites] })) };
    },
  );
}
