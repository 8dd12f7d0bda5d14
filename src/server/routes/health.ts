/** Whether the process lives, and whether work may be sent to it. */
import { z } from 'zod';
import type { App } from '../app.ts';
import type { ServerOptions } from '../options.ts';

const readiness = z.object({ ready: z.boolean(), checks: z.record(z.string(), z.string()) });

export function healthRoutes(app: App, { ready, version }: ServerOptions): void {
  app.get(
    '/healthz',
    {
      config: { access: 'anyone' },
      schema: {
        tags: ['service'],
        summary: 'The process lives',
        response: { 200: z.object({ ok: z.literal(true), version: z.string() }) },
      },
    },
    async () => ({ ok: true as const, version }),
  );

  app.get(
    '/readyz',
    {
      config: { access: 'anyone' },
      schema: {
        tags: ['service'],
        summary: 'It can take requests',
        response: {
          200: readiness.describe('It can'),
          503: readiness.describe('It cannot now; `checks` says why'),
        },
      },
    },
    async (_, reply) => {
      const state = await ready();
      return reply.status(state.ready ? 200 : 503).send({ ready: state.ready, checks: { ...state.checks } });
    },
  );
}
