/** Incidents: lists, and one of them. */
import { z } from 'zod';
import { incidentStates, summarize, viewIncident } from '../../engine/index.ts';
import { AllclearError } from '../../kernel/index.ts';
import { type IncidentPlace, type IncidentRecord, searchIncidents } from '../../store/index.ts';
import type { App } from '../app.ts';
import { errors } from '../failures.ts';
import type { ServerOptions } from '../options.ts';
import { incidentSummary, incidentView } from '../schemas.ts';

const MAX_PAGE = 200;
const word = z.string().min(1).max(200);

export const incidentId = z.object({ id: z.string().min(1).max(100).describe("The incident's id") });

const search = z.strictObject({
  open: z.enum(['true', 'false']).optional().describe('Only open ones, or only those that are over'),
  state: z
    .string()
    .max(200)
    .transform((names) => names.split(',').filter(Boolean))
    .pipe(z.array(z.enum(incidentStates)).max(20))
    .optional()
    .describe('Names of states, with commas between them'),
  runbook: word.optional(),
  severity: word.optional(),
  site: z.string().max(200).optional(),
  assignee: word.optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  after: z.string().max(200).optional().describe('`next` of the page before'),
});

export function incidentRoutes(app: App, { desk }: ServerOptions): void {
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
      const records = await searchIncidents(desk.store.db, {
        ...rest,
        ...(open !== undefined && { open: open === 'true' }),
        ...(state !== undefined && { states: state }),
        ...(after !== undefined && { after: readPlace(after) }),
        limit: limit + 1,
      });
      const page = records.slice(0, limit);
      return {
        incidents: page.map(summarize),
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
        summary: 'One incident, whole: verdict and readings, steps, approvals, what it waits for',
        params: incidentId,
        response: { 200: incidentView, ...errors(401, 403, 404, 503) },
      },
    },
    ({ params }) => viewIncident(desk, params.id),
  );
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
