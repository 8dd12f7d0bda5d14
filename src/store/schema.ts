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
 * - **work**: the one thing that an incident waits for a worker to do: diagnose, run a block, verify.
 * - **worker**: a process that takes work, and the sites it takes it for.
 * - **outbox**: notifications on their way out.
 * - **token**, **login**: who may come in, by hashes only.
 * - **ledger**: a chain over the whole store: incidents opened, tokens made, logins, imports.
 */
export interface Schema {
  incidents: IncidentTable;
  events: EventTable;
  step_attempts: AttemptTable;
  alerts: AlertTable;
  runbook_versions: RunbookVersionTable;
  evidence: EvidenceTable;
  work: WorkTable;
  workers: WorkerTable;
  outbox: OutboxTable;
  tokens: TokenTable;
  logins: LoginTable;
  ledger: LedgerTable;
  meta: MetaTable;
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
  /** Where its commands must run; '' anywhere. */
  site: string;
  /** Who works on it; null nobody. */
  assignee: string | null;
  /** What it waits for, as JSON: the engine's to validate; null when nothing. For lists. */
  waiting: string | null;
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
  generator_url: string | null;
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

/** At most one row per incident: diagnosing, steps and verifying follow each other. */
interface WorkTable {
  incident: string;
  /** `diagnose`, `step`, `verify`. */
  kind: string;
  site: string;
  /** For a step: its index, the block, and the hash of the rendering that was approved. */
  step: number | null;
  block: number | null;
  step_hash: string | null;
  /** `ready`, `taken`. */
  state: string;
  ready_at: number;
  made_at: number;
  worker: string | null;
  lease_until: number | null;
  /** For a step: when its approval ends. It is not begun after that; null never. */
  expires_at: number | null;
  /** Grows with every taking; an older number has lost its right to report. */
  fence: number;
}

interface WorkerTable {
  /** `host:pid:random`. */
  id: string;
  /** JSON: names of sites; null takes work of any site. */
  sites: string | null;
  version: string;
  started_at: number;
  seen_at: number;
}

export interface OutboxTable {
  /** Made of incident, event, matter and target: writing the same news twice keeps it once. */
  id: string;
  incident: string;
  /** Number of the event that it tells of: the order within the incident. */
  seq: number;
  /** `opened`, `verdict`, `approval-wanted`, `decision-wanted`, `resolved`, `escalated`. */
  about: string;
  /** The configured target's name; '' while nobody has looked for whom it is. */
  target: string;
  payload: string;
  /** `waiting`, `delivered`, `given-up`. */
  state: string;
  attempts: number;
  next_at: number;
  lease_until: number | null;
  last_error: string | null;
  made_at: number;
  done_at: number | null;
}

export interface TokenTable {
  id: string;
  /** The person or program it stands for: two tokens of one person are one person. */
  owner: string;
  label: string;
  role: string;
  /** SHA-256, hex; the token itself has 256 random bits and is shown once. */
  hash: string;
  made_at: number;
  made_by: string;
  expires_at: number | null;
  revoked_at: number | null;
  revoked_by: string | null;
  used_at: number | null;
}

export interface LoginTable {
  /** SHA-256, hex, of the cookie's value. */
  hash: string;
  /** `pending`: on the way to the identity provider; `open`: signed in. */
  kind: string;
  owner: string | null;
  role: string | null;
  /** JSON: what the log-in needs to be completed, or what the identity provider said. */
  data: string;
  made_at: number;
  expires_at: number;
}

interface LedgerTable {
  /** From 1, without gaps. */
  n: number;
  at: number;
  actor: string;
  kind: string;
  incident: string | null;
  data: string;
  prev_hash: string;
  hash: string;
}

interface MetaTable {
  key: string;
  value: string;
}

export type IncidentRow = Selectable<IncidentTable>;
export type EventRow = Selectable<EventTable>;
export type EvidenceRow = Selectable<EvidenceTable>;
export type AttemptRow = Selectable<AttemptTable>;
export type OutboxRow = Selectable<OutboxTable>;
export type AlertRow = Selectable<AlertTable>;
export type WorkRow = Selectable<WorkTable>;
export type LedgerRow = Selectable<LedgerTable>;
