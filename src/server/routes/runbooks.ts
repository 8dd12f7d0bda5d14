/** The library: lists, one runbook, and the page that an alert's `runbook_url` leads to. */
import { z } from 'zod';
import { AllclearError } from '../../kernel/index.ts';
import { outlineOf } from '../../runbook/index.ts';
import { searchIncidents } from '../../store/index.ts';
import type { App } from '../app.ts';
import { errors } from '../failures.ts';
import type { ServerOptions } from '../options.ts';
import { runbookPage } from '../runbook-page.ts';
import type { RunbookShelf, ShelvedRunbook } from '../shelf.ts';

const MAX_LISTED = 20;
const id = z.object({ id: z.string().min(1).max(200).describe("The runbook's id, in any case") });

const runbookSummary = z
  .object({
    id: z.string(),
    title: z.string(),
    family: z.string().describe('Runbooks of one family are diagnosed side by side'),
    severity: z.string().nullable(),
    owner: z.string().nullable(),
    alerts: z.array(z.string()).describe('Names of the alerts it is for'),
    file: z.string(),
    hash: z.string().describe('SHA-256 of its text'),
    reviewed: z.string().nullable().describe('Day of the last review'),
    problem: z
      .string()
      .nullable()
      .describe('Why the file as it is now cannot be used, and this is its last good text'),
  })
  .meta({ id: 'RunbookSummary' });

const check = z.object({
  section: z.enum(['diagnosis', 'verify']),
  name: z.string(),
  language: z.string(),
  command: z.string(),
  normal: z.string().nullable().describe('CEL'),
  abnormal: z.string().nullable().describe('CEL'),
  inferred: z.boolean().describe('Read from prose rather than stated'),
  within: z.number().nullable().describe('Seconds'),
});

const runbookView = runbookSummary
  .extend({
    sections: z.object({
      symptom: z.boolean(),
      diagnosis: z.boolean(),
      remediation: z.boolean(),
      verify: z.boolean(),
    }),
    checks: z.array(check),
    steps: z.array(
      z.object({
        index: z.number(),
        title: z.string(),
        manual: z.boolean(),
        risk: z.enum(['safe', 'reversible', 'disruptive']),
        commands: z.array(z.string()),
      }),
    ),
    diagnostics: z.array(
      z.object({ rule: z.string(), severity: z.string(), line: z.number(), message: z.string() }),
    ),
    source: z.string().describe('The Markdown'),
  })
  .meta({ id: 'Runbook' });

const libraryProblem = z.object({ file: z.string(), line: z.number().nullable(), what: z.string() });

export function runbookRoutes(app: App, { shelf, desk: { store } }: ServerOptions): void {
  app.get(
    '/api/v1/runbooks',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['runbooks'],
        summary: 'The library, by id',
        response: {
          200: z.object({ runbooks: z.array(runbookSummary), problems: z.array(libraryProblem) }),
          ...errors(401, 403),
        },
      },
    },
    async () => ({ runbooks: shelf.all().map(toSummary), problems: [...shelf.problems()] }),
  );

  app.get(
    '/api/v1/runbooks/:id',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['runbooks'],
        summary: 'One runbook: its text, and what is read from it',
        params: id,
        response: { 200: runbookView, ...errors(401, 403, 404) },
      },
    },
    async ({ params }) => {
      const shelved = requireRunbook(shelf, params.id);
      const { file: _, ...outline } = outlineOf(shelved.runbook);
      return { ...toSummary(shelved), ...outline, source: shelved.runbook.source };
    },
  );

  app.get(
    '/runbooks/:id',
    {
      config: { access: 'viewer', page: true },
      schema: {
        tags: ['runbooks'],
        summary: 'A runbook to read, with its open incidents: what `runbook_url` leads to',
        params: id,
        response: {
          200: {
            description: 'A page for browsers, else the Markdown',
            content: { 'text/html': { schema: z.string() }, 'text/markdown': { schema: z.string() } },
          },
          ...errors(401, 403, 404),
        },
      },
    },
    async ({ params, headers }, reply) => {
      const { runbook } = requireRunbook(shelf, params.id.replace(/\.(?:md|markdown|html?)$/i, ''));
      void reply.header('vary', 'accept');
      if (headers.accept?.includes('text/html') !== true) {
        return reply.type('text/markdown; charset=utf-8').send(runbook.source);
      }
      const open = await searchIncidents(store.db, { open: true, runbook: runbook.id, limit: MAX_LISTED });
      return reply.type('text/html; charset=utf-8').send(runbookPage(runbook, open));
    },
  );
}

function requireRunbook(shelf: RunbookShelf, wanted: string): ShelvedRunbook {
  const shelved = shelf.find(wanted);
  if (shelved) return shelved;
  throw new AllclearError('E_NOT_FOUND', {
    what: `there is no runbook "${wanted}"`,
    next: 'List them at /api/v1/runbooks.',
  });
}

function toSummary({ runbook, family, hash, problem }: ShelvedRunbook): z.infer<typeof runbookSummary> {
  const { severity, owner, alerts, reviewed } = runbook.frontMatter;
  return {
    id: runbook.id,
    title: runbook.title,
    family,
    severity,
    owner,
    alerts: [...alerts],
    file: runbook.file,
    hash,
    reviewed,
    problem,
  };
}
