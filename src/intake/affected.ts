import type { EventData } from '../engine/index.ts';
import type { IdentifiedAlert } from './identity.ts';

/** An incident as a batch of alerts finds it. */
export interface KnownIncident {
  readonly id: string;
  readonly runbook: string;
  readonly joinKey: string | null;
  readonly open: boolean;
  readonly state: string;
  /** Epoch ms. */
  readonly closedAt: number | null;
  readonly alertCount: number;
  /** Number of its last event. */
  readonly seq: number;
}

/** Alerts of one incident that get a line on its time line; all are counted and kept. */
const LINES = 100;
/** Beyond this many events only people and steps add to a time line. */
export const MAX_EVENTS = 10_000;

/** An incident that a batch opens or changes, and how. */
export class Affected {
  /** Null: the batch opens it. */
  readonly known: KnownIncident | null;
  /** The alert that it was first met with; a new incident is about this one. */
  readonly first: IdentifiedAlert;
  readonly lines: { readonly kind: 'alert'; readonly actor: string; readonly data: EventData<'alert'> }[] =
    [];
  /** New occurrences. */
  added = 0;
  /** One of its alerts was resolved, so that maybe none is left. */
  resolved = false;
  /** An alert that goes on firing although verify held. */
  stillFiring: IdentifiedAlert | null = null;
  /** Alerts of its group that Alertmanager has left out of a message. */
  truncated = 0;

  constructor(known: KnownIncident | null, first: IdentifiedAlert) {
    this.known = known;
    this.first = first;
  }

  /** A new incident is open from its first alert on. */
  get open(): boolean {
    return this.known?.open ?? true;
  }

  /** One line for the time line, as long as it has room for alerts. */
  writeDown({ alert, actor, name }: IdentifiedAlert): void {
    const count = (this.known?.alertCount ?? 0) + this.added;
    if (count > LINES || (this.known?.seq ?? 0) + this.lines.length >= MAX_EVENTS) return;
    const { status, fingerprint, startsAt } = alert;
    this.lines.push({ kind: 'alert', actor, data: { status, name, fingerprint, startsAt } });
  }
}
