/** Time lines: a page of one, or streams that go on. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AllclearError } from '../../kernel/index.ts';
import { findIncident, type IncidentRecord, listEvents, type Store } from '../../store/index.ts';
import type { App } from '../app.ts';
import { errors } from '../failures.ts';
import type { ServerOptions } from '../options.ts';
import { incidentEvent, toEvent } from '../schemas.ts';
import type { Streams } from '../streams/streams.ts';
import { incidentId } from './incidents.ts';

const MAX_PAGE = 1_000;

const eventsQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0).describe('Only events with a higher number'),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(MAX_PAGE),
});

export function eventRoutes(app: App, { desk: { store } }: ServerOptions, streams: Streams): void {
  app.get(
    '/api/v1/incidents/:id/events',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['incidents'],
        summary: 'The time line',
        description:
          'With `Accept: text/event-stream` a stream: one message for each event, its number as the id, and those to ' +
          'come as they happen. `Last-Event-ID` goes on after it.',
        params: incidentId,
        querystring: eventsQuery,
        response: {
          200: {
            description: 'A page of events, or a stream',
            content: {
              'application/json': { schema: z.object({ events: z.array(incidentEvent) }) },
              'text/event-stream': { schema: z.string() },
            },
          },
          ...errors(400, 401, 403, 404, 429, 503),
        },
      },
    },
    async (request, reply) => {
      const record = await requireIncident(store, request.params.id);
      if (wantsStream(request)) {
        return streams.ofIncident(request, reply, record, lastEventId(request) ?? request.query.after);
      }
      const records = await listEvents(store.db, record.id, request.query);
      return reply.send({ events: records.map(toEvent) });
    },
  );

  app.get(
    '/api/v1/events',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['incidents'],
        summary: 'A stream of the incidents that change',
        description:
          'Each message is the summary of an incident as it is now; its id is the time of the change. `Last-Event-ID` ' +
          'goes on from there, and a little before: the same summary may come twice.',
        querystring: z.strictObject({
          after: z.coerce
            .number()
            .int()
            .min(0)
            .optional()
            .describe('Go on from this time (milliseconds since 1970)'),
        }),
        response: {
          200: {
            description: 'A stream of `IncidentSummary`',
            content: { 'text/event-stream': { schema: z.string() } },
          },
          ...errors(400, 401, 403, 429, 503),
        },
      },
    },
    async (request, reply) =>
      streams.ofChanges(request, reply, lastEventId(request) ?? request.query.after ?? null),
  );
}

function wantsStream({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/event-stream') === true;
}

/** What a client that lost its stream says it has seen; null when it says nothing, or nothing of ours. */
function lastEventId({ headers }: FastifyRequest): number | null {
  const given = headers['last-event-id'];
  return typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : null;
}

/** @throws AllclearError `E_NOT_FOUND` */
async function requireIncident({ db }: Store, id: string): Promise<IncidentRecord> {
  const record = await findIncident(db, id);
  if (record) return record;
  throw new AllclearError('E_NOT_FOUND', {
    what: `there is no incident ${id}`,
    next: 'List them at /api/v1/incidents.',
  });
}
