/** Incidents: lists, one of them, its time line. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AllclearError } from '../../kernel/index.ts';
import {
  findIncident,
  type IncidentPlace,
  type IncidentRecord,
  listEvents,
  searchIncidents,
} from '../../store/index.ts';
import type { App } from '../app.ts';
import { errors } from '../failures.ts';
import type { ServerOptions } from '../options.ts';
import { incidentEvent, incidentSummary, toEvent, toSummary } from '../schemas.ts';
import type { Streams } from '../streams/streams.ts';

const MAX_PAGE = 200;
const MAX_EVENTS_PAGE = 1_000;
const word = z.string().min(1).max(200);

const incidentId = z.object({ id: z.string().min(1).max(100).describe("The incident's id") });

const search = z.strictObject({
  open: z.enum(['true', 'false']).optional().describe('Only open ones, or only those that are over'),
  state: z.string().max(200).optional().describe('Names of states, with commas between them'),
  runbook: word.optional(),
  severity: word.optional(),
  site: z.string().max(200).optional(),
  assignee: word.optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  after: z.string().max(200).optional().describe('`next` of the page before'),
});

const eventsQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0).describe('Only events with a higher number'),
  limit: z.coerce.number().int().min(1).max(MAX_EVENTS_PAGE).default(MAX_EVENTS_PAGE),
});

export function incidentRoutes(app: App, { store }: ServerOptions, streams: Streams): void {
  app.get(
    '/api/v1/incidents',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['incidents'],
        summary: 'Incidents, newest first',
        querystring: search,
        response: {
          200: z.object({
            incidents: z.array(incidentSummary),
            next: z.string().nullable().describe('Give it as `after` for the next page; null at the end'),
          }),
          ...errors(400, 401, 403, 503),
        },
      },
    },
    async ({ query }) => {
      const { open, state, after, limit, ...rest } = query;
      const records = await searchIncidents(store.db, {
        ...rest,
        ...(open !== undefined && { open: open === 'true' }),
        ...(state !== undefined && { states: state.split(',').filter(Boolean).slice(0, 20) }),
        ...(after !== undefined && { after: readPlace(after) }),
        limit: limit + 1,
      });
      const page = records.slice(0, limit);
      return {
        incidents: page.map(toSummary),
        next: records.length > limit ? placeText(page.at(-1)!) : null,
      };
    },
  );

  app.get(
    '/api/v1/incidents/:id',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['incidents'],
        summary: 'One incident',
        params: incidentId,
        response: { 200: incidentSummary, ...errors(401, 403, 404, 503) },
      },
    },
    async ({ params }) => toSummary(await requireIncident(store, params.id)),
  );

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
async function requireIncident({ db }: ServerOptions['store'], id: string): Promise<IncidentRecord> {
  const record = await findIncident(db, id);
  if (record) return record;
  throw new AllclearError('E_NOT_FOUND', {
    what: `there is no incident ${id}`,
    next: 'List them at /api/v1/incidents.',
  });
}

function placeText({ openedAt, id }: IncidentRecord): string {
  return `${openedAt}.${id}`;
}

/** @throws AllclearError `E_USAGE` */
function readPlace(text: string): IncidentPlace {
  const match = /^(\d{1,15})\.(.+)$/.exec(text);
  if (match) return { at: Number(match[1]), id: match[2]! };
  throw new AllclearError('E_USAGE', {
    what: '"after" is not the end of a page',
    next: 'Give `next` of the page before, as it was.',
  });
}
