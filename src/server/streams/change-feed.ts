/**
 * Incidents that change, as summaries: each message is the whole summary, so that having it twice does no harm. Times of
 * change are not quite in the order of commits (several processes, clocks that are set), so every look goes back a
 * little, and leaves out what it has seen.
 */
import type { Clock } from '../../kernel/index.ts';
import { changedIncidents, findIncidents, type IncidentPlace, type Store } from '../../store/index.ts';
import { toSummary } from '../schemas.ts';
import { Bell } from './bell.ts';
import { frame } from './frame.ts';

/** Longer than any transaction takes. */
const OVERLAP_MS = 10_000;
const RECENT = 1_000;
const PAGE = 200;

interface Change {
  /** From 1, in the order in which this server has seen them. */
  readonly n: number;
  readonly frame: string;
}

/** Where a reader is: what it still has to read of the store, then its number among the recent changes. */
export interface ChangePlace {
  readonly n: number;
  /** Null when it has caught up with the store. */
  readonly catchUp: { readonly since: number; readonly after: IncidentPlace | undefined } | null;
}

export class ChangeFeed {
  readonly bell: Bell;
  readonly #store: Store;
  #recent: readonly Change[] = [];
  #n = 0;
  /** The latest time of change that was seen. */
  #latest: number;
  /** What the last look has seen: `id` to what tells one change from the next. */
  #seen = new Map<string, string>();
  #watchers = 0;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#latest = store.now();
    this.bell = new Bell(clock);
  }

  /** @param since epoch ms of the last change that is known; null: only what changes from now on */
  join(since: number | null): ChangePlace {
    if (this.#watchers === 0) this.#latest = Math.min(this.#latest, this.#store.now());
    this.#watchers += 1;
    const from = Math.min(since ?? this.#store.now(), this.#store.now()) - OVERLAP_MS;
    return { n: this.#n, catchUp: { since: from, after: undefined } };
  }

  leave(): void {
    this.#watchers -= 1;
  }

  /** What comes after a place, at most a page, and the next place. */
  async after(place: ChangePlace): Promise<{ frames: readonly string[]; place: ChangePlace }> {
    if (place.catchUp) return this.#fromStore(place);
    const [oldest] = this.#recent;
    if (oldest && oldest.n > place.n + 1) {
      // It has fallen behind what is kept: the store has it all.
      return { frames: [], place: { n: this.#n, catchUp: { since: this.#latest - OVERLAP_MS, after: undefined } } };
    }
    const news = this.#recent.filter(({ n }) => n > place.n);
    return { frames: news.map((change) => change.frame), place: { n: news.at(-1)?.n ?? place.n, catchUp: null } };
  }

  async #fromStore({ n, catchUp }: ChangePlace): Promise<{ frames: readonly string[]; place: ChangePlace }> {
    const places = await changedIncidents(this.#store.db, { ...catchUp!, limit: PAGE });
    const { frames } = await this.#read(places.map(({ id }) => id));
    const last = places.at(-1);
    const more = places.length === PAGE && last ? { since: catchUp!.since, after: last } : null;
    return { frames, place: { n, catchUp: more } };
  }

  /** Reads what has changed since the last look, and wakes the watchers. */
  async look(): Promise<void> {
    if (this.#watchers === 0) return;
    const since = Math.min(this.#latest, this.#store.now()) - OVERLAP_MS;
    const seen = new Map<string, string>();
    let after: IncidentPlace | undefined;
    for (;;) {
      const places = await changedIncidents(this.#store.db, { since, after, limit: PAGE });
      const news = places.filter(({ id, at, seq }) => this.#seen.get(id) !== `${at} ${seq}`);
      for (const { id, at, seq } of places) seen.set(id, `${at} ${seq}`);
      this.#append((await this.#read(news.map(({ id }) => id))).frames);
      after = places.at(-1);
      if (after) this.#latest = Math.max(this.#latest, after.at);
      if (places.length < PAGE) break;
    }
    this.#seen = seen;
  }

  async #read(ids: readonly string[]): Promise<{ frames: readonly string[] }> {
    const records = await findIncidents(this.#store.db, ids);
    const inOrder = records.toSorted((a, b) => a.updatedAt - b.updatedAt);
    return { frames: inOrder.map((record) => frame(record.updatedAt, toSummary(record))) };
  }

  #append(frames: readonly string[]): void {
    if (frames.length === 0) return;
    const news = frames.map((text) => {
      this.#n += 1;
      return { n: this.#n, frame: text };
    });
    this.#recent = [...this.#recent, ...news].slice(-RECENT);
    this.bell.ring();
  }
}
