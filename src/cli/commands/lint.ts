import { readAlertRules } from '../../app/read-alert-rules.ts';
import { findRunbooks, readRunbook } from '../../app/read-runbooks.ts';
import { AllclearError, systemClock } from '../../kernel/index.ts';
import { type DiagnosticSeverity, loadLinter } from '../../runbook/index.ts';
import type { Io } from '../io.ts';
import type { FileReport } from '../lint-report.ts';
import { printError } from '../print-error.ts';

/** Options of `allclear lint`. */
export interface LintOptions {
  readonly rules?: readonly string[];
  readonly format?: string;
  readonly severity?: string;
  readonly json?: boolean;
}

const SEVERITIES: readonly DiagnosticSeverity[] = ['error', 'warning', 'info'];
const FORMATS = ['pretty', 'json', 'sarif'] as const;

/**
 * Lints runbooks. A file that cannot be read is reported on stderr, and the others are still linted.
 * @returns 0; 1 when there are errors; else the highest exit code of the files that could not be read
 */
export async function lintCommand(files: readonly string[], options: LintOptions, io: Io): Promise<number> {
  const format = options.json === true ? 'json' : oneOf('--format', options.format ?? 'pretty', FORMATS);
  const shown = SEVERITIES.slice(
    0,
    SEVERITIES.indexOf(oneOf('--severity', options.severity ?? 'info', SEVERITIES)) + 1,
  );
  const alerts = options.rules ? await readAlertRules(options.rules, io.cwd) : null;
  const { lintRunbook, rules } = await loadLinter();
  const context = { now: systemClock.now(), alerts };
  const reports: FileReport[] = [];
  let unreadable = 0;
  for (const file of await findRunbooks(files, io.cwd)) {
    if (io.signal.aborted) throw new AllclearError('E_CANCELLED', { what: 'linting was stopped' });
    try {
      const diagnostics = lintRunbook(await readRunbook(file, io.cwd), context);
      reports.push({ file, diagnostics: diagnostics.filter(({ severity }) => shown.includes(severity)) });
    } catch (error) {
      unreadable = Math.max(unreadable, printError(error, io, format !== 'pretty'));
    }
  }
  if (format === 'json') io.out(`${JSON.stringify(reports, null, 2)}\n`);
  else if (format === 'sarif') io.out((await import('../lint-sarif.ts')).sarifReport(reports, rules, io.cwd));
  else io.out((await import('../lint-report.ts')).prettyReport(reports, io));
  const failed = reports.some(({ diagnostics }) => diagnostics.some(({ severity }) => severity === 'error'));
  return failed ? Math.max(1, unreadable) : unreadable;
}

function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found !== undefined) return found;
  throw new AllclearError('E_USAGE', {
    what: `${option} cannot be ${JSON.stringify(value)}`,
    next: `It is one of ${allowed.join(', ')}.`,
  });
}
