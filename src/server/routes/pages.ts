/** Pages for people, until they use the console: an incident to read, and the stylesheet of all pages. */
import { z } from 'zod';
import { readTimeline, viewIncident } from '../../engine/index.ts';
import { listEvents } from '../../store/index.ts';
import type { App } from '../app.ts';
import { errors } from '../failures.ts';
import { incidentPage } from '../incident-page.ts';
import type { ServerOptions } from '../options.ts';
import { STYLESHEET } from '../page.ts';
import { incidentId } from './incidents.ts';

const MAX_EVENTS = 200;

export function pageRoutes(app: App, { desk }: ServerOptions): void {
  app.get(
    '/incidents/:id',
    {
      config: { access: 'viewer', page: true },
      schema: {
        tags: ['incidents'],
        summary: 'An incident to read: what notifications link to',
        params: incidentId,
        response: {
          200: { description: 'A page', content: { 'text/html': { schema: z.string() } } },
          ...errors(401, 403, 404, 503),
        },
      },
    },
    async ({ params }, reply) => {
      const view = await viewIncident(desk, params.id);
      const after = Math.max(0, view.seq - MAX_EVENTS);
      const events = readTimeline(await listEvents(desk.store.db, view.id, { after, limit: MAX_EVENTS }));
      return reply.type('text/html; charset=utf-8').send(incidentPage(view, events));
    },
  );

  app.get('/page.css', { config: { access: 'anyone' }, schema: { hide: true } }, (_, reply) =>
    reply.type('text/css; charset=utf-8').header('cache-control', 'max-age=3600').send(STYLESHEET),
  );
}
