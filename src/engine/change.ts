/** What one transaction has done to an incident, for those who write something down in the same transaction. */
import type { Writer } from '../store/index.ts';
import type { Waiting } from './desk/waiting.ts';
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
  /** What the incident waits for people to do after this change. */
  readonly waiting: Waiting | null;
}

/** Called last in every transaction that changes an incident. It awaits nothing but the database. */
export type OnChange = (tx: Writer, change: Change) => Promise<void>;
