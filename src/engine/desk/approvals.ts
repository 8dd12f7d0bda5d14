/** Approvals: one person's word that one run of one step may happen, exactly as it was shown. */
import { createHash } from 'node:crypto';
import { type GivenApproval, personOf, type StepProgress } from '../progress.ts';
import type { RenderedStep } from '../rendered-step.ts';

/**
 * What an approval names. It fits one incident, one step as it is rendered, and one run of it: used once, or for a
 * step that has changed since, it fits nothing any more.
 */
export function approvalHash(
  incident: string,
  step: Pick<RenderedStep, 'index' | 'hash'>,
  run: number,
): string {
  return createHash('sha256')
    .update(JSON.stringify(['approval', incident, step.index, run, step.hash]))
    .digest('hex');
}

/** The approvals that count at `now`: for this very run and rendering, not expired, one for each person. */
export function standingApprovals(
  progress: Pick<StepProgress, 'approvals'>,
  hash: string,
  now: number,
): readonly GivenApproval[] {
  const byPerson = new Map<string, GivenApproval>();
  for (const approval of progress.approvals) {
    if (approval.hash === hash && now < approval.expiresAt) byPerson.set(personOf(approval.by), approval);
  }
  return [...byPerson.values()];
}

/**
 * Until when a step may be begun, or gone on with: as long as its grant holds, and between two of its blocks as
 * long as an approval would. Null: it has no grant that fits.
 */
export function grantedUntil(
  { granted, continuedAt }: StepProgress,
  step: Pick<RenderedStep, 'hash'>,
  approvalSeconds: number,
): number | null {
  if (!granted || granted.expiresAt === null || granted.hash !== step.hash) return null;
  const continued = continuedAt === null ? 0 : continuedAt + approvalSeconds * 1000;
  return Math.max(granted.expiresAt, continued);
}
