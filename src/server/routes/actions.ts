/** What people and programs do to an incident: one route for each kind of action, made from the engine's table. */
import { z } from 'zod';
import {
  type Action,
  type ActionKind,
  actionBodies,
  actionRoles,
  eventText,
  perform,
  viewIncident,
} from '../../engine/index.ts';
import type { App } from '../app.ts';
import { errors } from '../failures.ts';
import { actorOf } from '../gate.ts';
import type { ServerOptions } from '../options.ts';
import { incidentView } from '../schemas.ts';
import { incidentId } from './incidents.ts';

const summaries: Readonly<Record<ActionKind, string>> = {
  diagnose: 'Run the read-only checks again',
  approve: 'Approve a step, exactly as it is shown',
  withdraw: "Take back an approval of one's own",
  skip: 'Leave a step out',
  decide: 'Decide about an interrupted or failed step',
  reopen: 'Do a step that was done or left out once more',
  report: 'Report what came of a manual step',
  answer: 'Answer the question of a check',
  verify: 'Verify now',
  note: 'Write a note',
  'ad-hoc': 'Record a command that was run by hand',
  propose: 'Propose a step',
  adopt: 'Go on with another runbook',
  assign: 'Assign the incident to somebody',
  escalate: 'Hand the incident over',
  close: 'Close the incident',
};

const performed = z
  .object({
    did: z.array(z.string()).describe('What the action has put on the time line, in words'),
    incident: incidentView.describe('The incident as it is now'),
  })
  .meta({ id: 'Performed' });

export function actionRoutes(app: App, options: ServerOptions): void {
  for (const kind of Object.keys(actionBodies) as ActionKind[]) actionRoute(app, options, kind);
}

function actionRoute(app: App, { desk }: ServerOptions, kind: ActionKind): void {
  app.post(
    `/api/v1/incidents/:id/actions/${kind}`,
    {
      config: { access: actionRoles[kind] },
      // An action that takes nothing needs no body.
      preValidation: async (request) => {
        request.body ??= {};
      },
      schema: {
        tags: ['actions'],
        summary: summaries[kind],
        operationId: kind,
        params: incidentId,
        body: actionBodies[kind],
        response: { 200: performed, ...errors(400, 401, 403, 404, 409, 413, 415, 422, 503) },
      },
    },
    async (request) => {
      // The schema of this kind has read the body.
      const action = { kind, ...(request.body as object) } as Action;
      const { events } = await perform(desk, request.params.id, actorOf(request), action);
      return { did: events.map(eventText), incident: await viewIncident(desk, request.params.id) };
    },
  );
}
