export { addHistoryEntry } from './add-history.ts';
export { applyEdits, type Edit } from './edits.ts';
export { familyOf } from './family.ts';
export type { AlertRule, LintContext, LintDiagnostic } from './lint/rule.ts';
export type {
  Attributes,
  BlockLanguage,
  Check,
  Condition,
  Diagnostic,
  DiagnosticSeverity,
  Fence,
  FrontMatter,
  HistoryEntry,
  Param,
  Risk,
  Runbook,
  Section,
  SectionName,
  Severity,
  Step,
  StepBlock,
} from './model.ts';
export { outlineOf } from './outline.ts';
export { parseRunbook } from './parse-runbook.ts';
export { searchRunbooks, summaryOf } from './search.ts';
export { type FrontMatterValue, setFrontMatterKey } from './set-front-matter.ts';

/**
 * The linter, loaded only when it is wanted: reading a runbook needs none of its rules.
 * `const { lintRunbook } = await loadLinter()`
 */
export function loadLinter() {
  return import('./lint/lint-runbook.ts');
}
