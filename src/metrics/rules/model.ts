import type { Template } from './template.ts';

/** A group of a Prometheus rule file; its rules are evaluated in order, at one time. */
export interface RuleGroup {
  readonly name: string;
  /** Null: the evaluator's default. */
  readonly intervalMs: number | null;
  /** The rules see the data as of this long ago. */
  readonly queryOffsetMs: number;
  /** Results a rule may have; 0 is no limit. */
  readonly limit: number;
  readonly rules: readonly Rule[];
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

export type Rule = AlertingRule | RecordingRule;

interface RuleBase {
  readonly expr: string;
  /** Name → value, the group's labels included. */
  readonly labels: ReadonlyMap<string, Template>;
  readonly file: string;
  readonly line: number;
}

export interface AlertingRule extends RuleBase {
  readonly kind: 'alert';
  readonly name: string;
  /** How long the expression must hold before the alert fires. */
  readonly forMs: number;
  /** How long it goes on firing after the expression stopped to hold. */
  readonly keepFiringForMs: number;
  readonly annotations: ReadonlyMap<string, Template>;
}

export interface RecordingRule extends RuleBase {
  readonly kind: 'record';
  /** The metric it writes. */
  readonly name: string;
}
