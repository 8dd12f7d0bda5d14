/** Appending to the time lines of many incidents within one transaction. */
import { appendEvent, type Writer } from '../../store/index.ts';
import type { AppendedEvent } from '../change.ts';
import type { EventData, EventKind, TimelineEvent } from '../timeline.ts';
import type { WorkDone } from './ports.ts';

/** Gathers what a transaction appends, by incident, for the plan that follows. */
export class Scribe {
  readonly #tx: Writer;
  readonly #actor: string;
  readonly #at: number;
  readonly #written = new Map<string, AppendedEvent[]>();

  constructor(tx: Writer, actor: string, at: number) {
    this.#tx = tx;
    this.#actor = actor;
    this.#at = at;
  }

  async append<Kind extends EventKind>(incident: string, kind: Kind, data: EventData<Kind>): Promise<void> {
    const { seq } = await appendEvent(this.#tx, incident, { at: this.#at, actor: this.#actor, kind, data });
    this.note(incident, { kind, seq, data } as AppendedEvent);
  }

  /** An event that was appended in another way. */
  note(incident: string, event: AppendedEvent | TimelineEvent): void {
    const { kind, seq, data } = event;
    const events = this.#written.get(incident) ?? [];
    events.push({ kind, seq, data } as AppendedEvent);
    this.#written.set(incident, events);
  }

  done(): WorkDone[] {
    return [...this.#written].map(([incident, events]) => ({ incident, events }));
  }
}
