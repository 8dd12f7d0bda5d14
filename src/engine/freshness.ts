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
export async function recordVerdict(
  page: Page,
  about: About,
  { verdict, why, readings }: Verdict,
): Promise<void> {
  await record(page, about, 'verdict', verdict, { why });
  await recordBroken(page, about, readings);
}

export async function recordVerification(
  page: Page,
  about: About,
  verification: Verification,
): Promise<void> {
  const { verified, why, readings } = verification;
  await record(page, about, 'verify', verified ? 'worked' : 'failed', { why });
  await recordBroken(page, about, readings);
}

export async function recordStep(page: Page, about: About, step: number, kind: string): Promise<void> {
  await record(page, about, `step:${step}`, kind, {});
}

/** How blocks of steps of several incidents ended. */
export async function recordSteps(
  tx: Writer,
  ends: readonly { incident: string; runbook: string; step: number; kind: string }[],
  { clock, at }: { clock: Clock; at: number },
): Promise<void> {
  const evidence = ends.map(({ incident, runbook, step, kind }) => {
    return { id: newId('evi', clock), runbook, subject: `step:${step}`, kind, at, incident, data: {} };
  });
  await insertEvidence(tx, ...evidence);
}

async function recordBroken(page: Page, about: About, readings: readonly Reading[]): Promise<void> {
  for (const { check, error } of readings) {
    if (error) await record(page, about, `check:${check}`, 'broken', error);
  }
}

async function record(page: Page, about: About, subject: string, kind: string, data: object): Promise<void> {
  await insertEvidence(page.tx, {
    id: newId('evi', about.surroundings.clock),
    runbook: about.runbook.id,
    subject,
    kind,
    at: page.at,
    incident: page.incident,
    data,
  });
}
