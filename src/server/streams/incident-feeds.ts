/**
 * The time lines that somebody watches. However many watch one incident, a change is one query, and an event is put
 * into words once; whoever joins late or has fallen behind reads from the store at their own pace.
 */
import type { Clock } from '../../kernel/index.ts';
import { lastEventNumbers, listEvents, type Store } from '../../store/index.ts';
import { toEvent } from '../schemas.ts';
import { Bell } from './bell.ts';
import { frame } from './frame.ts';

/** Events of one incident that are kept ready for those who keep up. */
const RECENT = 200;
const PAGE = 200;

interface Numbered {
  readonly seq: number;
  readonly frame: string;
}

/** The time line of one incident, as long as somebody watches it. */
export class IncidentFeed {
  readonly bell: Bell;
  readonly #store: Store;
  readonly #id: string;
  #recent: readonly Numbered[] = [];
  #head: number;

  constructor(store: Store, clock: Clock, id: string, head: number) {
    this.#store = store;
    this.#id = id;
    this.#head = head;
    this.bell = new Bell(clock);
  }

  /** The number of the last event that is known. */
  get head(): number {
    return this.#head;
  }

  /** The events after `seq`, at most a page; none when there are none yet. */
  async after(seq: number): Promise<readonly Numbered[]> {
    if (seq >= this.#head) return [];
    const [oldest] = this.#recent;
    if (oldest && oldest.seq <= seq + 1) return this.#recent.filter((event) => event.seq > seq);
    return this.#page(seq);
  }

  /** Fetches what has been appended up to `head`, and wakes the watchers. */
  async moveTo(head: number): Promise<void> {
    while (this.#head < head) {
      const page = await this.#page(this.#head);
      if (page.length === 0) break;
      this.#recent = [...this.#recent, ...page].slice(-RECENT);
      this.#head = page.at(-1)!.seq;
    }
    this.bell.ring();
  }

  async #page(after: number): Promise<readonly Numbered[]> {
    const records = await listEvents(this.#store.db, this.#id, { after, limit: PAGE });
    return records.map((record) => ({ seq: record.seq, frame: frame(record.seq, toEvent(record)) }));
  }
}

/** All feeds that somebody watches. */
export class IncidentFeeds {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #feeds = new Map<string, { readonly feed: IncidentFeed; watchers: number }>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** @param head the number of its last event, as the caller has just read it */
  join(id: string, head: number): IncidentFeed {
    const known = this.#feeds.get(id);
    const entry = known ?? { feed: new IncidentFeed(this.#store, this.#clock, id, head), watchers: 0 };
    entry.watchers += 1;
    this.#feeds.set(id, entry);
    return entry.feed;
  }

  leave(id: string): void {
    const entry = this.#feeds.get(id);
    if (!entry) return;
    entry.watchers -= 1;
    if (entry.watchers === 0) this.#feeds.delete(id);
  }

  /** One query says which incidents have moved on, one more for each that has. */
  async look(): Promise<void> {
    const heads = await lastEventNumbers(this.#store.db, [...this.#feeds.keys()]);
    for (const [id, { feed }] of this.#feeds) {
      const head = heads.get(id) ?? 0;
      if (head > feed.head) await feed.moveTo(head);
    }
  }
}
