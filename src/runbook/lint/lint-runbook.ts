import type { Runbook } from '../model.ts';
import { readerRules } from './reader-rules.ts';
import type { LintContext, LintDiagnostic } from './rule.ts';
import { rules } from './rules.ts';

export { readerRules } from './reader-rules.ts';
export { rules } from './rules.ts';

/** One runbook gives at most this many diagnostics of one rule; a broken file must not flood the report. */
const MAX_PER_RULE = 100;

/** Everything that is wrong in a runbook, what the reader met included, in the order of lines. */
export function lintRunbook(runbook: Runbook, context: LintContext): LintDiagnostic[] {
  const found: LintDiagnostic[] = runbook.diagnostics.map((diagnostic) => ({
    ...diagnostic,
    expected: readerRules[diagnostic.rule]?.expected ?? 'values without "}"',
    url: ruleUrl(diagnostic.rule),
  }));
  const known = new Set(found.map(({ rule, line }) => `${rule}:${line}`));
  for (const rule of rules) {
    const { name, severity } = rule;
    let count = 0;
    for (const finding of rule.check(runbook, context)) {
      // The reader may have met the same already.
      if (known.has(`${name}:${finding.line}`)) continue;
      if (++count > MAX_PER_RULE) break;
      found.push({ rule: name, url: ruleUrl(name), ...finding, severity: finding.severity ?? severity });
    }
  }
  return found.toSorted((a, b) => a.line - b.line);
}

/** Where a rule is explained. */
function ruleUrl(rule: string): string {
  return `docs/rules.md#${rule}`;
}
