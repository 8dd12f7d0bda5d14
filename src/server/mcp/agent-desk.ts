/**
 * What an agent can see and do, whatever brings its words. There is nothing here that approves, decides, answers or
 * runs a step: what is not in this list cannot be reached through MCP.
 */
import type { Actor, IncidentSummary, IncidentView, Verdict } from '../../engine/index.ts';

export interface AgentDesk {
  /** By id; the same list until something in it changes. */
  runbooks(): readonly RunbookCard[];
  /** Best first. */
  searchRunbooks(query: string, limit: number): readonly RunbookCard[];
  /** Errors: `E_NOT_FOUND` */
  readRunbook(id: string): RunbookText;
  /** Newest first. */
  listIncidents(filter: IncidentFilter): Promise<readonly IncidentSummary[]>;
  /** Errors: `E_NOT_FOUND` */
  incident(id: string): Promise<IncidentView>;
  /** In order, from the event after `after`. Errors: `E_NOT_FOUND` */
  timeline(
    id: string,
    page: { readonly after: number; readonly limit: number },
  ): Promise<readonly TimelineLine[]>;
  /**
   * Runs the read-only checks of an incident's runbook, or of one of the library, and changes nothing.
   * Errors: `E_NOT_FOUND`, `E_FORBIDDEN`, `E_OVERLOADED`, `E_TIMEOUT`, `E_BAD_VALUE` where it cannot be run here
   */
  diagnose(actor: Actor, about: DiagnosisWish, signal: AbortSignal): Promise<Diagnosis>;
  /** Errors: `E_NOT_FOUND`, `E_FORBIDDEN`, `E_TRANSITION` */
  propose(
    actor: Actor,
    incident: string,
    proposal: { readonly step: number; readonly why: string },
  ): Promise<void>;
  /** Errors: `E_NOT_FOUND`, `E_FORBIDDEN`, `E_LIMIT` */
  note(actor: Actor, incident: string, text: string): Promise<void>;
}

export interface RunbookCard {
  readonly id: string;
  readonly title: string;
  readonly severity: string | null;
  readonly owner: string | null;
  /** Names of the alerts it is for. */
  readonly alerts: readonly string[];
  /** What it is about, in a sentence or two. */
  readonly summary: string;
}

export interface RunbookText {
  readonly id: string;
  readonly title: string;
  /** Markdown. */
  readonly text: string;
}

export interface IncidentFilter {
  readonly open?: boolean | undefined;
  readonly runbook?: string | undefined;
  readonly limit: number;
}

export interface TimelineLine {
  readonly seq: number;
  /** Epoch ms. */
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly text: string;
}

/** Of an incident, or of a runbook with labels as an alert would give them. */
export type DiagnosisWish =
  | { readonly incident: string }
  | { readonly runbook: string; readonly labels: Readonly<Record<string, string>> };

export interface Diagnosis extends Verdict {
  /** How the checks were kept from changing anything. */
  readonly sandbox: string;
}
