/**
 * What a runbook is, once read.
 *
 * - **runbook**: one Markdown file that answers four questions: Symptom, Diagnosis, Remediation, Verify.
 * - **check**: one read-only command or query of Diagnosis or Verify, with what is normal.
 * - **condition**: a CEL expression over what the check saw; *inferred* when it was read from prose.
 * - **question**: an expectation in prose that no output can be bound to: the operator answers it.
 * - **step**: one item of Remediation: commands, or a manual action; it has a risk.
 *
 * All durations are seconds, all lines count from 1, all offsets are UTF-16 code units into the source.
 */

export type Severity = 'critical' | 'warning' | 'info';

export type SectionName =
  | 'symptom'
  | 'diagnosis'
  | 'remediation'
  | 'verify'
  | 'escalation'
  | 'drill'
  | 'history';

/** The languages of fences that execute. `console` runs only its lines that start with `$ `. */
export type BlockLanguage = 'bash' | 'sh' | 'shell' | 'console' | 'promql';

/** Flat attributes after a fence's language; values as written (JSON), unknown keys kept. */
export type Attributes = Readonly<Record<string, string | number | boolean | null>>;

export interface Runbook {
  /** The path it was read from, as given. */
  readonly file: string;
  readonly id: string;
  readonly title: string;
  readonly frontMatter: FrontMatter;
  /** Every section found, in the order of the file; aliases are already canonical. */
  readonly sections: readonly Section[];
  readonly checks: readonly Check[];
  readonly steps: readonly Step[];
  readonly history: readonly HistoryEntry[];
  /** Problems met while reading (broken YAML, broken attributes …): the runbook still loads. */
  readonly diagnostics: readonly Diagnostic[];
  /** The text it was read from, byte for byte. */
  readonly source: string;
}

export interface FrontMatter {
  readonly severity: Severity | null;
  readonly alerts: readonly string[];
  readonly owner: string | null;
  /** Component (`protocol`, `server` …) → version range. */
  readonly appliesTo: Readonly<Record<string, string>>;
  /** ISO date of the last review. */
  readonly reviewed: string | null;
  /** Seconds; default 90 days. */
  readonly reviewEvery: number;
  /** CEL over check names (dashes become underscores), each true when abnormal. */
  readonly confirm: string | null;
  readonly params: readonly Param[];
  /** Everything that was in the YAML, unknown keys included. */
  readonly raw: Readonly<Record<string, unknown>>;
}

export interface Param {
  readonly name: string;
  readonly description: string | null;
  readonly default: string | null;
}

export interface Section {
  readonly name: SectionName;
  /** The heading as written. */
  readonly heading: string;
  readonly line: number;
  /** The last line that belongs to it. */
  readonly endLine: number;
  /** Fences in it, tagged or not, in order. */
  readonly fences: readonly Fence[];
  /** Bullets and paragraphs of prose, in order (Symptom bullets feed inference). */
  readonly prose: readonly { readonly text: string; readonly line: number }[];
}

/** One fenced block as written. */
export interface Fence {
  /** The info string's first word, lower case; empty when untagged. */
  readonly tag: string;
  /** Set when the block executes. */
  readonly language: BlockLanguage | null;
  readonly attributes: Attributes;
  /** It has attributes that could not be read: what they said is not known. */
  readonly broken: boolean;
  /** Everything after the opening marker, as written. */
  readonly info: string;
  readonly code: string;
  /** The line of the opening fence. */
  readonly line: number;
  readonly endLine: number;
}

/** A CEL expression that decides a reading. */
export interface Condition {
  readonly cel: string;
  /** True when it was read from prose rather than stated as an attribute. */
  readonly inferred: boolean;
  /** The attribute or the sentence it comes from, as written. */
  readonly from: string;
}

export interface Check {
  readonly section: 'diagnosis' | 'verify';
  /** Unique in the runbook; words and dashes. */
  readonly name: string;
  /** What a person would call it: the comment or the name. */
  readonly label: string;
  readonly language: BlockLanguage;
  /** What runs. For `console`, the `$ ` lines without the prompt. */
  readonly command: string;
  readonly normal: Condition | null;
  readonly abnormal: Condition | null;
  /** An expectation that no output can be bound to; a person must answer it. */
  readonly question: string | null;
  /** Verify: how long to wait for normal, seconds. */
  readonly within: number | null;
  /** Verify: how long normal must hold, seconds. */
  readonly holdFor: number | null;
  /** Seconds one execution may take; null: the engine's default. */
  readonly timeout: number | null;
  readonly attributes: Attributes;
  /** The first line of its command, in the file. */
  readonly line: number;
}

export type Risk = 'safe' | 'reversible' | 'disruptive';

export interface Step {
  /** From 1, in order. */
  readonly index: number;
  readonly title: string;
  /** The prose under the title, as plain text; may be empty. */
  readonly prose: string;
  /** No command: the operator reports done or skipped. */
  readonly manual: boolean;
  readonly risk: Risk;
  /** False when the risk is only the default. */
  readonly riskStated: boolean;
  readonly blocks: readonly StepBlock[];
  readonly line: number;
}

export interface StepBlock {
  readonly name: string | null;
  readonly language: BlockLanguage;
  readonly command: string;
  /** Seconds; null: the engine's default. */
  readonly timeout: number | null;
  /** The command that takes it back, when an `undo` block is named. */
  readonly undo: { readonly name: string; readonly language: BlockLanguage; readonly command: string } | null;
  readonly attributes: Attributes;
  readonly line: number;
}

export interface HistoryEntry {
  /** ISO date, or null where the entry has none. */
  readonly date: string | null;
  readonly text: string;
  readonly line: number;
}

export type DiagnosticSeverity = 'error' | 'warning' | 'info';

export interface Diagnostic {
  /** The lint rule's or reader's name, kebab-case. */
  readonly rule: string;
  readonly severity: DiagnosticSeverity;
  readonly line: number;
  /** What is wrong, and what to write instead. */
  readonly message: string;
}
