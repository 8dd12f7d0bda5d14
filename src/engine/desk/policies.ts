/** What may happen by itself, per runbook and severity: the section `policies` of the configuration. */
import { z } from 'zod';
import type { Risk } from '../../runbook/index.ts';
import type { IncidentRecord } from '../../store/index.ts';

const risk = z.enum(['safe', 'reversible', 'disruptive']);
const people = z.int().min(1).max(10);

const rule = z
  .strictObject({
    runbook: z.string().trim().min(1).max(200).default('*').describe("A runbook's id, or * for all"),
    severity: z
      .array(z.enum(['critical', 'warning', 'info']))
      .min(1)
      .optional()
      .describe('Only incidents of these severities; default all'),
    'begin-when-confirmed': z
      .boolean()
      .default(false)
      .describe('Begin remediation without a person when the verdict is confirmed'),
    'run-alone': z
      .array(risk)
      .default([])
      .describe('Steps of these risks run without an approval, while the verdict is confirmed'),
    'approval-seconds': z.number().min(10).max(86_400).default(900).describe('How long an approval holds'),
    approvers: z
      .strictObject({
        safe: people.default(1),
        reversible: people.default(1),
        disruptive: people.default(2),
      })
      .prefault({})
      .describe('How many different people must approve a step of each risk'),
    'max-rounds': z
      .int()
      .min(1)
      .max(100)
      .default(20)
      .describe('Failed verifications after which the incident is escalated by itself'),
  })
  .refine((given) => given.runbook !== '*' || !given['run-alone'].includes('disruptive'), {
    path: ['run-alone'],
    error:
      'disruptive steps of every runbook would run with nobody looking: name the one runbook that may do so, or leave disruptive out',
  });

/** The first rule that fits an incident counts. Without any, only read-only checks run by themselves. */
export const policiesSchema = z.array(rule).max(200).default([]);

export type Policies = z.output<typeof policiesSchema>;

export interface IncidentPolicy {
  readonly beginWhenConfirmed: boolean;
  readonly runAlone: readonly Risk[];
  readonly approvalSeconds: number;
  readonly approvers: Readonly<Record<Risk, number>>;
  readonly maxRounds: number;
}

/** The policy for an incident: that of the first rule that fits, else the cautious default. */
export function policyFor(
  incident: Pick<IncidentRecord, 'runbook' | 'severity'>,
  policies: Policies,
): IncidentPolicy {
  const fitting = policies.find(
    ({ runbook, severity }) =>
      (runbook === '*' || runbook === incident.runbook) &&
      (severity === undefined || severity.some((each) => each === incident.severity)),
  );
  const found = fitting ?? rule.parse({});
  return {
    beginWhenConfirmed: found['begin-when-confirmed'],
    runAlone: found['run-alone'],
    approvalSeconds: found['approval-seconds'],
    approvers: found.approvers,
    maxRounds: found['max-rounds'],
  };
}

/** What an operator should know about what they have configured, one sentence each. */
export function policyWarnings(policies: Policies, runbooks: readonly string[]): string[] {
  return policies.flatMap((policy, index) => {
    const name = `policy ${index + 1} (${policy.runbook})`;
    const alone = policy['run-alone'];
    const found = policy.runbook === '*' || runbooks.includes(policy.runbook);
    return [
      found ? null : `${name}: no runbook of the library has this id`,
      alone.includes('disruptive')
        ? `${name}: disruptive steps of ${policy.runbook} run with nobody's approval once it is confirmed`
        : null,
      alone.length > 0 && !policy['begin-when-confirmed']
        ? `${name}: run-alone counts only after a person has begun, as begin-when-confirmed is off`
        : null,
      policy.approvers.disruptive < 2 ? `${name}: one person is enough to approve a disruptive step` : null,
    ].filter((warning) => warning !== null);
  });
}
