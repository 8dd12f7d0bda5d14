/** What a worker cannot do by itself, and is given. */
import type { Runbook } from '../../runbook/index.ts';
import type { IncidentRecord, Writer } from '../../store/index.ts';
import type { AppendedEvent } from '../change.ts';
import type { Page } from '../journal.ts';
import type { ShellRequest, ShellResult, Surroundings } from '../model.ts';

/** What a transaction of a worker has done to one incident. */
export interface WorkDone {
  readonly incident: string;
  /** In order; they are in the store already. */
  readonly events: readonly AppendedEvent[];
}

/**
 * Writes down what comes next for these incidents, as their state and time lines now are: work, or what they
 * wait for (`setNextOfAll`), and tells who wants to know (`OnChange`). Called last in the transaction that has
 * changed them; their rows are locked.
 */
export type PlanNext = (tx: Writer, done: readonly WorkDone[], at: number) => Promise<void>;

/** An incident that a worker has to do something about. */
export interface Case {
  readonly incident: IncidentRecord;
  /** The version it began with; null when no runbook is linked. */
  readonly runbook: Runbook | null;
}

/** What the commands of an incident run with: its labels, its runbook's parameters. Errors: `E_USAGE` without a value. */
export type Surround = (about: Case) => Surroundings;

/** Writes what came of some work: in one transaction with the end of that work and the plan of what comes next. */
export type Report = (page: Page) => Promise<void>;

/** Runs the read-only checks of the incident's runbook and of its family. It is `diagnosing` already. */
export type Diagnose = (about: Case, surroundings: Surroundings, signal: AbortSignal) => Promise<Report>;

/** Runs one command to its end; `runShell`, but where a test or a benchmark puts something else in its place. */
export type Execute = (request: ShellRequest) => Promise<ShellResult>;
