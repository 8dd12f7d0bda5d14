import { AllclearError } from '../kernel/index.ts';
import type { Runbook } from '../runbook/index.ts';
import type { Io } from './io.ts';
import { printError } from './print-error.ts';

/** Says what of a runbook could not be read, before anything is concluded from the rest or run. */
export function reportProblems(runbook: Runbook, io: Io, json: boolean): void {
  for (const { severity, line, message } of runbook.diagnostics) {
    if (severity !== 'error') continue;
    const next = 'The rest of the runbook is used as it is; mend this line.';
    printError(new AllclearError('E_RUNBOOK', { what: message, next, file: runbook.file, line }), io, json);
  }
}
