import { gatherCoverage } from '../../app/coverage.ts';
import { hasGaps } from '../../intake/index.ts';
import { AllclearError } from '../../kernel/index.ts';
import { coverageTable } from '../coverage-table.ts';
import type { Io } from '../io.ts';

export interface CoverageOptions {
  readonly prometheus?: string;
  readonly rules?: readonly string[];
  readonly runbooks?: readonly string[];
  readonly prefix?: string;
  readonly checkLinks?: boolean;
  readonly json?: boolean;
}

/** @returns 0; 1 when there are gaps */
export async function coverageCommand(options: CoverageOptions, io: Io): Promise<number> {
  const rules = options.rules ?? [];
  const known = rules.length > 0 ? undefined : io.env['ALLCLEAR_PROMETHEUS'];
  const prometheus = options.prometheus ?? (known || null);
  if (prometheus === null && rules.length === 0) {
    throw new AllclearError('E_USAGE', {
      what: 'there is nothing to look at',
      next: 'Give --prometheus URL, or --rules FILE, for example --rules runbooks/alerts.yaml.',
    });
  }
  const coverage = await gatherCoverage({
    prometheus,
    rules,
    runbooks: options.runbooks ?? [],
    prefix: options.prefix,
    checkLinks: options.checkLinks === true,
    cwd: io.cwd,
    signal: io.signal,
  });
  io.out(options.json === true ? `${JSON.stringify(coverage, null, 2)}\n` : coverageTable(coverage, io));
  return hasGaps(coverage) ? 1 : 0;
}
