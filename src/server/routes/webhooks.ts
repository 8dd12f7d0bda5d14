/** How alerts come in. */
import { z } from 'zod';
import { MAX_WEBHOOK_BYTES, webhookBody } from '../../intake/index.ts';
import type { App } from '../app.ts';
import { errors } from '../failures.ts';
import { actorOf } from '../gate.ts';
import type { ServiceMetrics } from '../metrics/service-metrics.ts';
import type { ServerOptions } from '../options.ts';

export function webhookRoutes(app: App, { deliver }: ServerOptions, metrics: ServiceMetrics): void {
  app.post(
    '/api/v1/webhooks/alertmanager',
    {
      config: { access: 'webhook' },
      bodyLimit: MAX_WEBHOOK_BYTES,
      // `deliver` reads it, bounded and once.
      validatorCompiler: () => (value) => ({ value }),
      schema: {
        tags: ['alerts'],
        summary: "Alertmanager's webhook, version 4",
        description: 'Answers once the alerts are on the disk. 503 asks for another delivery.',
        body: webhookBody,
        response: {
          200: z.object({ alerts: z.number(), incidents: z.array(z.string()) }),
          ...errors(400, 401, 403, 413, 415, 422, 503),
        },
      },
    },
    async (request) => {
      const { alerts, incidents } = await deliver(request.body, actorOf(request));
      metrics.received(alerts);
      return { alerts, incidents: [...incidents] };
    },
  );
}
