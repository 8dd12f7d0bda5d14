/**
 * The rest of the handshakes at one server: what clients ask for once they have a session (the event
 * stream, the lists). It is never held up, but while it is late no further initialize is sent: a server that
 * is given nothing but initializes answers nothing else, and clients take that for a broken session.
 *
 * Late is later than what such an answer usually takes on this server, so a kind that it has never answered
 * (some leave an event stream without an answer until there is an event) is never late.
 */
import type { Clock } from '../../kernel/index.ts';

/** An answer may take this many times what it usually takes … */
const PATIENCE = 3;
/** … and at least so long. */
const LEAST_MS = 50;
/** One that is still unanswered then is lost, and no reason to wait. */
const LOST_MS = 5000;
/** What is usual is the least of late: each slower answer raises it by so much. */
const RISE = 1.05;

const KINDS = new Set([
  'GET',
  'notifications/initialized',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'logging/setLevel',
  'ping',
]);

interface Kind {
  usualMs: number;
  /** When each was sent (monotonic ms), oldest first. */
  readonly unanswered: Map<object, number>;
}

export class Followers {
  readonly #clock: Clock;
  readonly #kinds = new Map<string, Kind>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A request goes to the server.
   * @param what its method, or `GET` for the event stream
   * @returns to be called once it is answered (true) or given up; null when it is no part of a handshake
   */
  sent(what: string): ((answered: boolean) => void) | null {
    if (!KINDS.has(what)) return null;
    const kind = this.#kindOf(what);
    const one = {};
    const sentAt = this.#clock.monotonic();
    kind.unanswered.set(one, sentAt);
    return (answered) => {
      if (!kind.unanswered.delete(one) || !answered) return;
      kind.usualMs = Math.min(kind.usualMs * RISE, Math.max(1, this.#clock.monotonic() - sentAt));
    };
  }

  /** Whether one of them is later than usual. */
  get late(): boolean {
    const now = this.#clock.monotonic();
    for (const { usualMs, unanswered } of this.#kinds.values()) {
      for (const [one, sentAt] of unanswered) {
        const age = now - sentAt;
        if (age < LOST_MS) {
          if (age > Math.max(LEAST_MS, usualMs * PATIENCE)) return true;
          break;
        }
        unanswered.delete(one);
      }
    }
    return false;
  }

  #kindOf(what: string): Kind {
    let kind = this.#kinds.get(what);
    if (!kind) {
      kind = { usualMs: Number.POSITIVE_INFINITY, unanswered: new Map() };
      this.#kinds.set(what, kind);
    }
    return kind;
  }
}
