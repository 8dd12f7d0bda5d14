/** The incidents of the local store, acted on without a server: what a worker has to do waits for one. */
import {
  type Action,
  type ActionKind,
  type Actor,
  type Desk,
  eventText,
  perform,
  readTimeline,
  summarize,
  viewIncident,
} from '../engine/index.ts';
import { systemClock } from '../kernel/index.ts';
import { type EventRecord, listEvents, listIncidents, type Store } from '../store/index.ts';
import type { ToldEvent } from './api-client.ts';
import { sharedSettings } from './desk-settings.ts';
import { actorName, withHomeStore } from './home.ts';
import type { DeskPlace, IncidentDesk } from './incident-desk.ts';
import { openLibrary } from './library.ts';

/** A slow look stands behind the store's own wake-ups. */
const LOOK_MS = 2_000;

export function withLocalDesk<T>(place: DeskPlace, work: (desk: IncidentDesk) => Promise<T>): Promise<T> {
  return withHomeStore(place, async (store) => {
    const library = await openLibrary({ paths: [], cwd: place.cwd, clock: systemClock, log: () => {} });
    try {
      const settings = await sharedSettings(store);
      const desk: Desk = { store, clock: systemClock, library, ...settings, secrets: [] };
      // Whoever may write the store's file may do everything.
      const actor: Actor = { name: actorName(place.env), role: 'admin', via: 'local' };
      return await work(new LocalDesk(desk, actor, place.signal));
    } finally {
      library.close();
    }
  });
}

class LocalDesk implements IncidentDesk {
  readonly #desk: Desk;
  readonly #store: Store;
  readonly #actor: Actor;
  readonly #signal: AbortSignal;

  constructor(desk: Desk, actor: Actor, signal: AbortSignal) {
    this.#desk = desk;
    this.#store = desk.store;
    this.#actor = actor;
    this.#signal = signal;
  }

  async list(query: { openOnly: boolean; limit: number }) {
    return (await listIncidents(this.#store.db, query)).map(summarize);
  }

  view(id: string) {
    return viewIncident(this.#desk, id);
  }

  async events(id: string) {
    return (await listEvents(this.#store.db, id)).map(told);
  }

  async act(id: string, kind: ActionKind, body: object) {
    // `actionBody` has checked that the body is of this kind.
    const { events } = await perform(this.#desk, id, this.#actor, { ...body, kind } as Action);
    return { did: events.map(eventText), incident: await this.view(id) };
  }

  async *follow(id: string, after: number): AsyncGenerator<ToldEvent> {
    await this.view(id);
    let wake: (() => void) | undefined;
    const stop = this.#store.onChange(() => wake?.());
    try {
      for (let seen = after; !this.#signal.aborted; ) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        const records = await listEvents(this.#store.db, id, { after: seen });
        for (const record of records) yield told(record);
        seen = records.at(-1)?.seq ?? seen;
        await Promise.race([changed, systemClock.sleep(LOOK_MS, this.#signal).catch(() => {})]);
      }
    } finally {
      stop();
    }
  }
}

/** Kinds that this version does not know are told by their name. */
function told(record: EventRecord): ToldEvent {
  const { seq, at, actor, kind, data } = record;
  const [event] = readTimeline([record]);
  return { seq, at, actor, kind, text: event ? eventText(event) : kind, data };
}
