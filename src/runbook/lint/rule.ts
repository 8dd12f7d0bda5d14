/**
 * What a lint rule is. One file holds one rule; its docblock says why, and carries examples:
 * "Good:" and "Bad, line N:" with a fenced runbook each. `docs/rules.md` is made from these docblocks
 * (`node scripts/write-rules-doc.ts`), and rules.test.ts runs every example.
 */
import type { Diagnostic, DiagnosticSeverity, Runbook } from '../model.ts';

/** What a rule may look at besides the runbook. */
export interface LintContext {
  /** Epoch milliseconds: today, for due dates. */
  readonly now: number;
  /** The alerts of the rule files given; null when none were, and alerts cannot be looked up. */
  readonly alerts: readonly AlertRule[] | null;
}

/** An alerting rule of a Prometheus rule file, as far as runbooks care. */
export interface AlertRule {
  readonly name: string;
  /** `runbook_url`, or `runbook`; null when it has neither. */
  readonly runbookUrl: string | null;
  readonly file: string;
}

export interface Finding {
  readonly line: number;
  /** What is wrong, and what to write instead. */
  readonly message: string;
  /** What should stand there. */
  readonly expected: string;
  /** Only where it differs from the rule's. */
  readonly severity?: DiagnosticSeverity;
}

export interface Rule {
  /** Kebab-case; the same as the file's. */
  readonly name: string;
  readonly severity: DiagnosticSeverity;
  check(runbook: Runbook, context: LintContext): Iterable<Finding>;
}

/** A finding as it is reported. */
export interface LintDiagnostic extends Diagnostic {
  readonly expected: string;
  /** Where the rule is explained. */
  readonly url: string;
}

const QUESTIONS: ReadonlySet<string> = new Set(['symptom', 'diagnosis', 'remediation', 'verify']);

/** Whether the file answers any of the four questions; indexes and notes beside runbooks do not. */
export function isRunbook(runbook: Runbook): boolean {
  return runbook.sections.some(({ name }) => QUESTIONS.has(name));
}

/** The line of a front matter key; the first line when it is not there. */
export function frontMatterLine(runbook: Runbook, key: string): number {
  const lines = runbook.source.slice(0, 65_536).split(/\r\n?|\n/);
  return (
    Math.max(
      0,
      lines.findIndex((line) => line.startsWith(`${key}:`)),
    ) + 1
  );
}
