/**
 * An incident as everything outside sees it: the HTTP API, the command line, the MCP endpoint, notifications.
 * All times are epoch milliseconds, all lists are bounded, outputs are redacted and cut.
 */
import { z } from 'zod';
import { incidentStates } from '../incident.ts';
import { waitingSchema } from './waiting.ts';

const time = z.number().describe('Epoch milliseconds');
const labels = z.record(z.string(), z.string());
const verdict = z.enum(['confirmed', 'ruled-out', 'inconclusive']);
const state = z.enum(incidentStates as [string, ...string[]]).describe('docs/lifecycle.md explains each');

const condition = z.object({ cel: z.string(), inferred: z.boolean(), from: z.string() }).nullable();

/** What one execution of a check saw. */
export const readingView = z.object({
  check: z.string(),
  label: z.string(),
  section: z.enum(['diagnosis', 'verify']),
  judgement: z.enum(['normal', 'abnormal', 'unknown', 'error']),
  informational: z.boolean(),
  value: z.number().nullable(),
  shown: z.string().describe('The figure as people read it'),
  normal: condition,
  abnormal: condition,
  question: z.string().nullable(),
  why: z.string(),
  output: z.string(),
  exit: z.number().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  startedAt: time,
  durationMs: z.number(),
});

const verdictView = z.object({
  verdict,
  why: z.string(),
  at: time,
  readings: z.array(readingView),
});

const differentialView = z.object({
  at: time,
  seconds: z.number(),
  proposed: z.string().nullable().describe('The runbook that fits better than the linked one'),
  verdicts: z.array(
    z.object({
      runbook: z.string(),
      title: z.string(),
      verdict,
      why: z.string(),
      readings: z.array(readingView),
    }),
  ),
});

const attemptView = z.object({
  block: z.int(),
  attempt: z.int(),
  state: z.enum(['intended', 'running', 'succeeded', 'failed', 'timed-out', 'cancelled', 'unknown']),
  worker: z.string(),
  intendedAt: time,
  endedAt: time.nullable(),
  exit: z.number().nullable(),
  output: z.string().nullable(),
  truncated: z.boolean(),
  decision: z.enum(['done', 'again', 'skip']).nullable(),
});

const stepView = z.object({
  index: z.int().min(1),
  title: z.string(),
  prose: z.string(),
  risk: z.enum(['safe', 'reversible', 'disruptive']),
  manual: z.boolean().describe('A person carries it out and reports'),
  blocks: z.array(z.object({ language: z.string(), command: z.string(), timeoutSeconds: z.number() })),
  state: z.enum(['pending', 'running', 'done', 'skipped', 'failed', 'unknown']),
  run: z.int().min(1),
  approvalHash: z
    .string()
    .describe('What `approve` must name: it fits this incident, this step as rendered, and this run only'),
  approvals: z.object({
    have: z.array(z.object({ by: z.string(), at: time, expiresAt: time })),
    need: z.int().min(0).describe('0 when the policy lets it run alone'),
  }),
  attempts: z.array(attemptView),
});

const alertView = z.object({
  fingerprint: z.string(),
  status: z.enum(['firing', 'resolved']),
  labels,
  annotations: labels,
  startsAt: time,
  endsAt: time.nullable(),
  generatorUrl: z.string().nullable(),
  receivedCount: z.int(),
});

const summary = {
  id: z.string(),
  title: z.string(),
  severity: z.string().nullable(),
  runbook: z.string().nullable().describe("The runbook's id; null when none is linked: a gap in coverage"),
  state,
  open: z.boolean(),
  waiting: waitingSchema.nullable().describe('What it waits for people to do'),
  labels,
  site: z.string(),
  assignee: z.string().nullable(),
  alertCount: z.int(),
  openedAt: time,
  updatedAt: time,
  closedAt: time.nullable(),
  seq: z.int().describe('The number of its last event'),
};

/** An incident in a list. */
export const incidentSummarySchema = z.object(summary);
export type IncidentSummary = z.output<typeof incidentSummarySchema>;

/** One incident, whole. */
export const incidentViewSchema = z.object({
  ...summary,
  why: z.string().nullable().describe('Why it is in this state, one sentence'),
  round: z.int().nullable().describe('Which attempt at a fix it is, from 1; null before and after'),
  runbookFile: z.string().nullable(),
  runbookHash: z.string().nullable(),
  runbookTitle: z.string().nullable(),
  runbookChanged: z
    .boolean()
    .describe('The library has another text than the one this incident keeps and goes on with'),
  coverageGap: z.boolean().describe('No runbook is linked'),
  work: z
    .object({
      kind: z.enum(['diagnose', 'step', 'verify']),
      step: z.int().nullable(),
      block: z.int().nullable(),
      state: z.enum(['ready', 'taken']),
      worker: z.string().nullable(),
      readyAt: time,
    })
    .nullable()
    .describe('What a worker does, or is to do'),
  verdict: verdictView.nullable(),
  differential: differentialView.nullable(),
  sandbox: z.string().nullable().describe('How the checks were kept from changing anything'),
  verification: z
    .object({ verified: z.boolean(), why: z.string(), at: time, readings: z.array(readingView) })
    .nullable(),
  steps: z.array(stepView),
  parameters: z
    .record(z.string(), z.string())
    .describe('`PARAM_*` as the commands of its steps get them; what looks like a secret is not shown'),
  proposals: z.array(
    z.object({ step: z.int(), title: z.string(), why: z.string(), by: z.string(), at: time }),
  ),
  alerts: z.object({ count: z.int(), firing: z.int(), first: z.array(alertView) }),
  policy: z.object({
    beginWhenConfirmed: z.boolean(),
    runAlone: z.array(z.string()),
    approvalSeconds: z.number(),
  }),
  hints: z.array(z.string()).describe('What keeps it from going on, and what to do about it'),
});
export type IncidentView = z.output<typeof incidentViewSchema>;
