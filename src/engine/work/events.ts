/** Appending to the time lines of many incidents within one transaction. */
import { appendEvents, type Writer } from '../../store/index.ts';
import type { AppendedEvent } from '../change.ts';
import type { EventData, EventKind, TimelineEvent } from '../timeline.ts';
import type { WorkDone } from './ports.ts';

interface Addition {
  readonly incident: string;
  readonly event: { at: number; actor: string; kind: EventKind; data: unknown };
}

/** Gathers what a transaction appends, by incident, for the plan that follows. */
export class Scribe {
  readonly #tx: Writer;
  readonly #actor: string;
  readonly #at: number;
  readonly #written = new Map<string, AppendedEvent[]>();
  #pending: Addition[] = [];

  constructor(tx: Writer, actor: string, at: number) {
    this.#tx = tx;
    this.#actor = actor;
    this.#at = at;
  }

  /** Appended with the next `flush`, all at once. */
  append<Kind extends EventKind>(incident: string, kind: Kind, data: EventData<Kind>): void {
    this.#pending.push({ incident, event: { at: this.#at, actor: this.#actor, kind, data } });
  }

  /** Errors: as `appendEvents`. */
  async flush(): Promise<void> {
    const additions = this.#pending;
    this.#pending = [];
    if (additions.length === 0) return;
    const records = await appendEvents(this.#tx, additions);
    for (const { incident, kind, seq, data } of records)
      this.note(incident, { kind, seq, data } as AppendedEvent);
  }

  /** An event that was appended in another way. */
  note(incident: string, { kind, seq, data }: AppendedEvent | TimelineEvent): void {
    const events = this.#written.get(incident) ?? [];
    events.push({ kind, seq, data } as AppendedEvent);
    this.#written.set(incident, events);
  }

  /** What was written, for the plan. */
  done(): WorkDone[] {
    return [...this.#written].map(([incident, events]) => ({ incident, events }));
  }
}
