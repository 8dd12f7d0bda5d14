/** The service's metrics, for Prometheus. */
import { z } from 'zod';
import type { App } from '../app.ts';
import type { ServiceMetrics } from '../metrics/service-metrics.ts';

export function metricsRoutes(app: App, metrics: ServiceMetrics): void {
  app.addHook('onResponse', async (request, reply) => {
    // A stream lasts as long as somebody watches, which says nothing about the server.
    if (String(reply.getHeader('content-type')).startsWith('text/event-stream')) return;
    metrics.answered(
      request.method,
      request.routeOptions.url ?? 'none',
      reply.statusCode,
      reply.elapsedTime / 1000,
    );
  });
  app.get(
    '/metrics',
    {
      config: { access: 'anyone' },
      schema: {
        tags: ['service'],
        summary: 'Metrics of the service',
        response: {
          200: { description: 'Prometheus text', content: { 'text/plain': { schema: z.string() } } },
        },
      },
    },
    async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  );
}
