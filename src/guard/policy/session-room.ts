/**
 * The bound on sessions, MAX_SESSIONS: whether there is room for one more, and which must go for it. The
 * ones that have been idle longest go first. A session in use never goes: where all are in use, newcomers wait
 * for a while, and are then refused. Otherwise more clients than sessions would throw each other out for ever.
 */
import type { LeverValues } from './lever-values.ts';
import type { Session, SessionTable } from './sessions.ts';

/** A session is idle when nothing is in progress and its last request is so long ago: a handshake is through by then. */
const IDLE_MS = 3000;

export class SessionRoom {
  readonly #sessions: SessionTable;
  readonly #levers: () => Pick<LeverValues, 'maxSessions' | 'initQueueSeconds'>;

  constructor(sessions: SessionTable, levers: () => Pick<LeverValues, 'maxSessions' | 'initQueueSeconds'>) {
    this.#sessions = sessions;
    this.#levers = levers;
  }

  /**
   * Whether one more may be opened: `open`; `hold` when there will be room before a client's patience ends; `full`.
   * @param expected sessions that are being opened already
   */
  state(expected: number): 'open' | 'hold' | 'full' {
    const { maxSessions, initQueueSeconds } = this.#levers();
    if (maxSessions === 0) return 'open';
    const over = this.#sessions.size + expected + 1 - maxSessions;
    const wait = this.#sessions.idleIn(over, IDLE_MS);
    if (wait === 0) return 'open';
    return wait < initQueueSeconds * 1000 ? 'hold' : 'full';
  }

  /** The sessions that must go now, those that have been idle longest first; they are ended in the table. */
  *surplus(): Generator<Session> {
    const { maxSessions } = this.#levers();
    if (maxSessions === 0) return;
    for (let over = this.#sessions.size - maxSessions; over > 0; over--) {
      const session = this.#sessions.idlest(IDLE_MS);
      if (!session) return;
      this.#sessions.end(session);
      yield session;
    }
  }
}
