/** Diagnosis: run the read-only checks, judge each, conclude. */
import type { Runbook } from '../runbook/index.ts';
import { allEnded } from './all-ended.ts';
import { runCheck } from './check.ts';
import type { Reading, Surroundings, Verdict } from './model.ts';
import { createObserver, type Observer } from './observe.ts';
import { judgeVerdict } from './verdict.ts';

export interface DiagnoseOptions {
  readonly signal?: AbortSignal;
  /** Told each reading as it is made, in no particular order. */
  readonly onReading?: (reading: Reading) => void;
  /** Shared by several runbooks that are diagnosed together: the same command then runs once. */
  readonly observer?: Observer;
}

/**
 * Runs the checks of the runbook's Diagnosis, a few at a time, and gives the verdict with its readings in the
 * order of the file. Nothing is changed on the system (a check is read-only by contract).
 * Errors: `E_CANCELLED`, `E_SHELL`; what is wrong with a check is in its reading.
 */
export async function diagnose(
  runbook: Runbook,
  surroundings: Surroundings,
  options: DiagnoseOptions = {},
): Promise<Verdict> {
  const checks = runbook.checks.filter((check) => check.section === 'diagnosis');
  const observer = options.observer ?? createObserver(surroundings, { signal: options.signal });
  const readings = await allEnded(
    checks.map(async (check) => {
      const reading = await runCheck(check, surroundings, options.signal, observer);
      options.onReading?.(reading);
      return reading;
    }),
  );
  return judgeVerdict(runbook, readings);
}
