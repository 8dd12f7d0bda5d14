import type { Selectable } from 'kysely';

/**
 * The tables, as both databases see them: times are epoch milliseconds, JSON is TEXT that the
 * repositories parse, booleans are 0 or 1.
 *
 * - **incident**: one occurrence of a problem; `snapshot` is its state, `seq` and `head_hash` the end of its time line.
 * - **event**: one line of the time line, append-only, chained by hash.
 * - **attempt**: the intent to run one block of one step, and what came of it.
 * - **alert**: one occurrence of an alert, `(fingerprint, starts_at)`, and the incident it belongs to.
 * - **runbook version**: the text an incident began with, kept so that an edit does not change a run.
 * - **evidence**: what shows that a runbook (still) works, or does not.
 */
export interface Schema {
  incidents: IncidentTable;
  events: EventTable;
  step_attempts: AttemptTable;
  alerts: AlertTable;
  runbook_versions: RunbookVersionTable;
  evidence: EvidenceTable;
}

interface IncidentTable {
  id: string;
  /** The runbook's id; empty when no runbook is linked. */
  runbook: string;
  runbook_hash: string | null;
  title: string;
  severity: string | null;
  /** The state's name, for lists; `snapshot` holds the whole state. */
  state: string;
  snapshot: string;
  labels: string;
  /** What joins alerts to it; unique among incidents that are not closed. */
  join_key: string | null;
  is_open: number;
  alert_count: number;
  opened_at: number;
  updated_at: number;
  closed_at: number | null;
  seq: number;
  head_hash: string;
  /** Grows with every intent and every sweep; an older number has lost its right to report. */
  fence: number;
}

interface EventTable {
  incident: string;
  seq: number;
  at: number;
  actor: string;
  kind: string;
  data: string;
  prev_hash: string;
  hash: string;
}

interface AttemptTable {
  id: string;
  incident: string;
  step: number;
  block: number;
  attempt: number;
  /** Hash of the rendered step that was approved. */
  step_hash: string;
  state: string;
  fence: number;
  worker: string;
  lease_until: number;
  intended_at: number;
  ended_at: number | null;
  exit: number | null;
  output: string | null;
  truncated: number;
  /** What a person decided about an unknown or failed attempt. */
  decision: string | null;
  decided_by: string | null;
  decided_at: number | null;
}

interface AlertTable {
  fingerprint: string;
  starts_at: number;
  incident: string;
  status: string;
  labels: string;
  annotations: string;
  ends_at: number | null;
  received_at: number;
  updated_at: number;
  received_count: number;
}

interface RunbookVersionTable {
  hash: string;
  file: string;
  source: string;
  seen_at: number;
}

interface EvidenceTable {
  id: string;
  runbook: string;
  /** `check:NAME`, `step:N`, `verdict`, `verify`. */
  subject: string;
  kind: string;
  at: number;
  incident: string | null;
  data: string;
}

export type IncidentRow = Selectable<IncidentTable>;
export type EventRow = Selectable<EventTable>;
export type AttemptRow = Selectable<AttemptTable>;
