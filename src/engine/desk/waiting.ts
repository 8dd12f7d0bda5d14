/** What an incident waits for people to do, as it is stored, listed and shown. */
import { z } from 'zod';

const step = {
  step: z.int().min(1).describe('From 1, as the runbook counts them'),
  title: z.string(),
};
const risk = z.enum(['safe', 'reversible', 'disruptive']);

const approval = {
  ...step,
  risk,
  run: z.int().min(1).describe('The how-manieth run of the step'),
  have: z.array(z.string()).describe('Who has approved this run; expired approvals are not among them'),
  need: z.int().min(0).describe('How many different people must approve it'),
};

export const waitingSchema = z.discriminatedUnion('kind', [
  z
    .object({ kind: z.literal('runbook'), why: z.string() })
    .describe('No runbook is linked, a gap in coverage: adopt one, escalate, or close'),
  z
    .object({
      kind: z.literal('begin'),
      verdict: z.enum(['confirmed', 'inconclusive', 'ruled-out']),
      why: z.string(),
      next: z
        .object({ ...approval, manual: z.boolean() })
        .nullable()
        .describe('The step to begin with; null when none is left'),
    })
    .describe('The verdict stands: approving (or reporting, skipping) the first step begins remediation'),
  z
    .object({ kind: z.literal('answer'), check: z.string(), question: z.string(), section: z.string() })
    .describe('A question that no output can answer'),
  z.object({ kind: z.literal('approval'), ...approval }).describe('A step that must be approved'),
  z.object({ kind: z.literal('manual'), ...step }).describe('A step that a person carries out and reports'),
  z
    .object({
      kind: z.literal('decision'),
      ...step,
      about: z.enum(['unknown', 'failed']),
      block: z.int().min(0),
      attempt: z.int().min(1),
    })
    .describe('A step that was interrupted, or failed: done, again or skip'),
  z
    .object({
      kind: z.literal('proposal'),
      why: z.string(),
      next: z
        .object({
          ...step,
          by: z.string().nullable().describe('Who proposes it; null: the first one left out'),
        })
        .nullable(),
    })
    .describe('Verify failed and every step is done or skipped: reopen one, verify again, or escalate'),
  z
    .object({ kind: z.literal('take-up'), why: z.string(), from: z.string() })
    .describe('Escalated: whoever takes it up diagnoses, approves a step, verifies, or closes'),
]);

/** See `waitingSchema`. */
export type Waiting = Readonly<z.output<typeof waitingSchema>>;

/** What the store says; null for nothing, and for what another version wrote. */
export function readWaiting(stored: unknown): Waiting | null {
  return waitingSchema.safeParse(stored).data ?? null;
}
