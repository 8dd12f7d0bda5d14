/** How alerts come in. */
import { z } from 'zod';
import type { App } from '../app.ts';
import { errors } from '../failures.ts';
import { actorOf } from '../gate.ts';
import type { ServerOptions } from '../options.ts';

/** Bytes: 10,000 alerts with usual labels. Alertmanager does not try again what was too large. */
const DELIVERY_LIMIT = 10 * 1024 * 1024;

export function webhookRoutes(app: App, { deliver }: ServerOptions): void {
  app.post(
    '/api/v1/webhooks/alertmanager',
    {
      config: { access: 'webhook' },
      bodyLimit: DELIVERY_LIMIT,
      schema: {
        tags: ['alerts'],
        summary: "Alertmanager's webhook, version 4",
        description: 'Answers once the alerts are on the disk. 503 asks for another delivery.',
        body: z.unknown(),
        response: {
          200: z.object({ alerts: z.number(), incidents: z.array(z.string()) }),
          ...errors(400, 401, 413, 415, 503),
        },
      },
    },
    async (request) => {
      const { alerts, incidents } = await deliver(request.body, actorOf(request));
      return { alerts, incidents: [...incidents] };
    },
  );
}
