/** What one transaction has done to an incident, for those who write something down in the same transaction. */
import type { Writer } from '../store/index.ts';
import type { EventData, EventKind } from './timeline.ts';

/** An event as it was appended. */
export type AppendedEvent = {
  [Kind in EventKind]: { readonly kind: Kind; readonly seq: number; readonly data: EventData<Kind> };
}[EventKind];

export interface Change {
  readonly incident: string;
  /** Epoch ms. */
  readonly at: number;
  /** In order; they are in the store already. */
  readonly events: readonly AppendedEvent[];
  /** An approval that the incident waits for after this change; null when it waits for none. */
  readonly approvalWanted: ApprovalWanted | null;
}

export interface ApprovalWanted {
  readonly step: number;
  readonly title: string;
  /** The how-manieth run of the step, from 1. */
  readonly run: number;
  readonly risk: string;
  /** Different people who have approved, and who are needed. */
  readonly have: number;
  readonly need: number;
}

/** Called last in every transaction that changes an incident. It awaits nothing but the database. */
export type OnChange = (tx: Writer, change: Change) => Promise<void>;
