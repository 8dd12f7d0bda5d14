/**
 * Which results a server's notification makes wrong, and whether it is news: a server tells one change on every
 * stream, and a cache that were emptied a thousand times for one change would make a stampede of its own.
 *
 * Each stream counts what it was told; the change that a stream tells as its k-th is the k-th that all of them
 * tell. Since servers may merge changes, or streams miss some, counts are compared for a short while only:
 * what comes later is news in any case, and what was told before is behind everyone.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../kernel/index.ts';

/** For so long after the first word of a change, other streams' words are taken for the same one. */
const SAME_MS = 2000;
/** Kinds of changes (each resource is one) that are told apart. */
const MAX_KINDS = 1000;

export interface Change {
  /** The methods whose results are wrong now. */
  readonly methods: readonly string[];
  /** Only this resource. */
  readonly uri?: string;
}

/** What a notification says has changed; null when that concerns no result. */
export function changeOf(method: string, params: Readonly<Record<string, unknown>> | null): Change | null {
  switch (method) {
    case 'notifications/tools/list_changed':
      return { methods: ['tools/list'] };
    case 'notifications/prompts/list_changed':
      return { methods: ['prompts/list'] };
    case 'notifications/resources/list_changed':
      return { methods: ['resources/list', 'resources/templates/list'] };
    case 'notifications/resources/updated': {
      const uri = params?.['uri'];
      return { methods: ['resources/read'], ...(typeof uri === 'string' && { uri }) };
    }
    default:
      return null;
  }
}

interface Kind {
  /** Changes told so far. */
  count: number;
  /** Of these, the ones told before the burst: each word comes within 2 s of the news before. */
  base: number;
  /** The burst began with a word that may be an old one come late: then counts tell nothing, and all is news. */
  muddled: boolean;
  /** Monotonic ms of the first word of the last one. */
  toldAt: number;
}

const NEW_KIND: Kind = { count: 0, base: 0, muddled: false, toldAt: Number.NEGATIVE_INFINITY };

/** All that streams have told. */
export class Changes {
  readonly #clock: Clock;
  readonly #kinds = new LRUCache<string, Kind>({ max: MAX_KINDS });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A stream opens: what was told before is none of its words. */
  listen(): ChangeListener {
    // There are thousands of streams, and most are told little: no cache that takes its whole room at once.
    const words = new Map<string, number>();
    const openedAt = this.#clock.monotonic();
    return { isNews: (change) => this.#isNews(change, words, openedAt) };
  }

  #isNews({ methods, uri }: Change, words: Map<string, number>, openedAt: number): boolean {
    const name = `${methods[0]}\n${uri ?? ''}`;
    const now = this.#clock.monotonic();
    const kind = this.#kinds.get(name) ?? { ...NEW_KIND };
    const missed = words.get(name) ?? (openedAt <= kind.toldAt ? 0 : kind.count);
    if (now - kind.toldAt >= SAME_MS) {
      kind.muddled = missed < kind.count;
      kind.base = kind.count;
    } else if (kind.muddled) {
      note(words, name, kind.count);
      return true;
    } else if (Math.max(missed, kind.base) < kind.count) {
      note(words, name, Math.max(missed, kind.base) + 1);
      return false;
    }
    kind.count += 1;
    kind.toldAt = now;
    this.#kinds.set(name, kind);
    note(words, name, kind.count);
    return true;
  }
}

/** Notes how many words of a kind a stream has said; the kind that it spoke of longest ago is forgotten first. */
function note(words: Map<string, number>, name: string, count: number): void {
  words.delete(name);
  words.set(name, count);
  if (words.size <= MAX_KINDS) return;
  const [oldest] = words.keys();
  words.delete(oldest!);
}

/** The words of one stream. */
export interface ChangeListener {
  isNews(change: Change): boolean;
}
