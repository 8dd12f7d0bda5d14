/** The forms of the tools' answers. They leave out what approving needs: an agent has no use for it. */
import { z } from 'zod';
import { type IncidentView, incidentSummarySchema, incidentViewSchema } from '../../engine/index.ts';
import { answerShape } from './answer.ts';

const card = z.object({
  id: z.string(),
  uri: z.string().describe('Read it as a resource, or with read_runbook'),
  title: z.string(),
  severity: z.string().nullable(),
  owner: z.string().nullable(),
  alerts: z.array(z.string()),
  summary: z.string(),
});

const view = incidentViewSchema.shape;
const agentStep = view.steps.element.omit({ approvalHash: true }).extend({
  approvals: z.object({ have: z.array(z.string()), need: z.int() }),
});

const incident = incidentViewSchema.omit({ steps: true, policy: true, work: true, seq: true }).extend({
  steps: z.array(agentStep),
});
const reading = view.verdict.unwrap().shape.readings.element;

export const shapes = {
  searchRunbooks: z.object({ ...answerShape, runbooks: z.array(card) }),
  readRunbook: z.object({
    ...answerShape,
    id: z.string(),
    title: z.string(),
    text: z.string().describe('Markdown'),
  }),
  listIncidents: z.object({ ...answerShape, incidents: z.array(incidentSummarySchema) }),
  getIncident: z.object({ ...answerShape, incident }),
  getTimeline: z.object({
    ...answerShape,
    events: z.array(
      z.object({ seq: z.int(), at: z.number(), actor: z.string(), kind: z.string(), text: z.string() }),
    ),
    next: z.int().nullable().describe('Give it as `after` for what follows; null at the end'),
  }),
  runDiagnosis: z.object({
    ...answerShape,
    runbook: z.string(),
    verdict: z.enum(['confirmed', 'ruled-out', 'inconclusive']),
    why: z.string(),
    sandbox: z.string().describe('How the checks were kept from changing anything'),
    readings: z.array(reading),
  }),
  done: z.object({ ...answerShape, recorded: z.string(), waiting: view.waiting }),
} as const;

/** An incident as an agent sees it. */
export function agentView(given: IncidentView): z.infer<typeof incident> {
  const { policy: _policy, work: _work, seq: _seq, steps, ...rest } = given;
  return {
    ...rest,
    steps: steps.map(({ approvalHash: _hash, approvals, ...step }) => ({
      ...step,
      approvals: { have: approvals.have.map(({ by }) => by), need: approvals.need },
    })),
  };
}
