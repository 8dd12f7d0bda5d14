export { addHistoryEntry } from './add-history.ts';
export { applyEdits, type Edit } from './edits.ts';
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
export { parseRunbook } from './parse-runbook.ts';
export { type FrontMatterValue, setFrontMatterKey } from './set-front-matter.ts';
