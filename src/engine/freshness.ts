/** What an incident proves about its runbook, kept as evidence beside the event it comes from. */
import { type Clock, newId } from '../kernel/index.ts';
import type { Runbook } from '../runbook/index.ts';
import { insertEvidence, type Writer } from '../store/index.ts';
import type { Page } from './journal.ts';
import type { Reading, Surroundings, Verdict } from './model.ts';
import type { Verification } from './verify.ts';

/** The runbook whose freshness it is about. */
interface About {
  readonly runbook: Pick<Runbook, 'id'>;
  readonly surroundings: Pick<Surroundings, 'clock'>;
}

/** The verdict, and every check that turned out to be broken. */
export function recordVerdict(page: Page, about: About, { verdict, why, readings }: Verdict): void {
  record(page, about, 'verdict', verdict, { why });
  recordBroken(page, about, readings);
}

export function recordVerification(page: Page, about: About, verification: Verification): void {
  const { verified, why, readings } = verification;
  record(page, about, 'verify', verified ? 'worked' : 'failed', { why });
  recordBroken(page, about, readings);
}

export function recordStep(page: Page, about: About, step: number, kind: string): void {
  record(page, about, `step:${step}`, kind, {});
}

/** How blocks of steps of several incidents ended. */
export function recordSteps(
  tx: Writer,
  ends: readonly { incident: string; runbook: string; step: number; kind: string }[],
  { clock, at }: { clock: Clock; at: number },
): void {
  const evidence = ends.map(({ incident, runbook, step, kind }) => {
    return { id: newId('evi', clock), runbook, subject: `step:${step}`, kind, at, incident, data: {} };
  });
  insertEvidence(tx, ...evidence);
}

function recordBroken(page: Page, about: About, readings: readonly Reading[]): void {
  for (const { check, error } of readings) {
    if (error) record(page, about, `check:${check}`, 'broken', error);
  }
}

function record(page: Page, about: About, subject: string, kind: string, data: object): void {
  insertEvidence(page.tx, {
    id: newId('evi', about.surroundings.clock),
    runbook: about.runbook.id,
    subject,
    kind,
    at: page.at,
    incident: page.incident,
    data,
  });
}
