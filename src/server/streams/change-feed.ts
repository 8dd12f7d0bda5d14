/**
 * Incidents that change, as summaries: each message is the whole summary, so that having it twice does no harm. Times of
 * change are not quite in the order of commits (several processes, clocks that are set), so every look goes back a
 * little, and leaves out what it has seen.
 */
import { summarize } from '../../engine/index.ts';
import type { Clock } from '../../kernel/index.ts';
import { changedIncidents, findIncidents, type IncidentPlace, type Store } from '../../store/index.ts';
import { Bell } from './bell.ts';
import { frame } from './frame.ts';

/** Longer than any transaction takes. */
const OVERLAP_MS = 10_000;
const RECENT = 1_000;
const PAGE = 200;

interface Change {
  /** From 1, in the order in which this server has seen them. */
  readonly n: number;
  /** Epoch ms of the change. */
  readonly at: number;
  readonly frame: string;
}

/** Where a reader is: what it still has to read of the store, then its number among the recent changes. */
export interface ChangePlace {
  readonly n: number;
  /** Epoch ms of the last change it has. */
  readonly at: number;
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
    const now = this.#store.now();
    // Nobody has watched: what changed meanwhile is the newcomer's own to catch up with.
    if (this.#watchers === 0) this.#latest = now;
    this.#watchers += 1;
    return catchUp(this.#n, Math.min(since ?? now, now));
  }

  leave(): void {
    this.#watchers -= 1;
  }

  /** What comes after a place, at most a page, and the next place. */
  async after(place: ChangePlace): Promise<{ frames: readonly string[]; place: ChangePlace }> {
    if (place.catchUp) return this.#fromStore(place, place.catchUp);
    const [oldest] = this.#recent;
    // It has fallen behind what is kept: the store has it all.
    if (oldest && oldest.n > place.n + 1) return { frames: [], place: catchUp(this.#n, place.at) };
    const news = this.#recent.filter(({ n }) => n > place.n);
    const last = news.at(-1);
    return {
      frames: news.map((change) => change.frame),
      place: last ? { n: last.n, at: last.at, catchUp: null } : place,
    };
  }

  async #fromStore(
    { n, at }: ChangePlace,
    { since, after }: NonNullable<ChangePlace['catchUp']>,
  ): Promise<{ frames: readonly string[]; place: ChangePlace }> {
    const places = await changedIncidents(this.#store.db, { since, after, limit: PAGE });
    const changes = await this.#read(places);
    const last = places.at(-1);
    const more = places.length === PAGE && last ? { since, after: last } : null;
    return {
      frames: changes.map((change) => change.frame),
      place: { n, at: Math.max(at, last?.at ?? 0), catchUp: more },
    };
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
      this.#append(await this.#read(news));
      after = places.at(-1);
      if (after) this.#latest = Math.max(this.#latest, after.at);
      if (places.length < PAGE) break;
    }
    this.#seen = seen;
  }

  async #read(places: readonly IncidentPlace[]): Promise<readonly Omit<Change, 'n'>[]> {
    const ids = places.map(({ id }) => id);
    const records = await findIncidents(this.#store.db, ids);
    return records
      .toSorted((a, b) => a.updatedAt - b.updatedAt)
      .map((record) => ({ at: record.updatedAt, frame: frame(record.updatedAt, summarize(record)) }));
  }

  #append(changes: readonly Omit<Change, 'n'>[]): void {
    if (changes.length === 0) return;
    const news = changes.map((change, index) => ({ ...change, n: this.#n + 1 + index }));
    this.#n += news.length;
    this.#recent = [...this.#recent, ...news].slice(-RECENT);
    this.bell.ring();
  }
}

function catchUp(n: number, at: number): ChangePlace {
  return { n, at, catchUp: { since: at - OVERLAP_MS, after: undefined } };
}
