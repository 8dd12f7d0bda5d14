/** What a diagnosis or a verification concludes: the move, its event and the evidence, on one page. */
import type { Runbook } from '../runbook/index.ts';
import { recordVerdict, recordVerification } from './freshness.ts';
import type { Page } from './journal.ts';
import type { Surroundings, Verdict } from './model.ts';
import { keptReadings } from './timeline.ts';
import type { Verification } from './verify.ts';

interface About {
  readonly runbook: Pick<Runbook, 'id'>;
  readonly surroundings: Pick<Surroundings, 'clock'>;
}

/** @throws `E_TRANSITION` when the incident is not being diagnosed */
export async function concludeDiagnosis(page: Page, about: About, concluded: Verdict): Promise<void> {
  const { verdict, why, readings } = concluded;
  const move = { kind: 'verdict-reached', verdict, why } as const;
  await page.move(move, { verdict, why, readings: keptReadings(readings) });
  recordVerdict(page, about, concluded);
}

/** @throws `E_TRANSITION` when the incident is not being verified */
export async function concludeVerification(page: Page, about: About, result: Verification): Promise<void> {
  const { verified, why, rounds } = result;
  const data = { why, rounds, readings: keptReadings(result.readings) };
  if (verified) await page.move({ kind: 'verified', why }, data);
  else await page.move({ kind: 'not-verified', why }, data);
  recordVerification(page, about, result);
}
