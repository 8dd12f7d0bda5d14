/** The GET event streams that are open: they get `retry:` stamps, and an end when their upstream is lost. */
import type { Clock } from '../../kernel/index.ts';
import { retryMs } from '../policy/jitter.ts';
import type { LeverBoard } from '../policy/levers.ts';
import type { Session } from '../policy/sessions.ts';
import type { Reply } from './reply.ts';
import { RetryStamper } from './sse.ts';

/** What a stream is told when the lever goes back to off: the SDK's own first reconnection delay. */
const USUAL_RETRY_MS = 1000;

export class StreamSet {
  readonly #clock: Clock;
  readonly #levers: LeverBoard;
  readonly #random: () => number;
  /** With null for those into which nothing may be written. */
  readonly #open = new Map<Reply, RetryStamper | null>();
  readonly #ofSession = new Map<Session, Set<Reply>>();

  constructor(clock: Clock, levers: LeverBoard, random: () => number) {
    this.#clock = clock;
    this.#levers = levers;
    this.#random = random;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Takes in a stream that opens.
   * @param grows whether something may be written into it
   * @returns what to write it with; null when it is only passed on
   */
  add(res: Reply, grows: boolean, session?: Session): RetryStamper | null {
    const stamper = grows ? new RetryStamper(res) : null;
    this.#open.set(res, stamper);
    res.once('close', () => this.#open.delete(res));
    if (session) this.#note(session, res);
    return stamper;
  }

  /** Ends the streams of a session that has been ended. */
  endOf(session: Session): void {
    for (const res of this.#ofSession.get(session) ?? []) res.end();
  }

  #note(session: Session, res: Reply): void {
    const streams = this.#ofSession.get(session) ?? new Set();
    streams.add(res);
    this.#ofSession.set(session, streams);
    session.streams += 1;
    res.once('close', () => {
      session.streams -= 1;
      streams.delete(res);
      if (streams.size === 0) this.#ofSession.delete(session);
    });
  }

  /** Stamps one stream, when the lever is set. */
  stamp(stamper: RetryStamper): void {
    const { reconnectJitterSeconds } = this.#levers.values;
    if (reconnectJitterSeconds > 0) stamper.stamp(retryMs(reconnectJitterSeconds, this.#random));
  }

  /** The lever has changed: every open stream learns its new delay. */
  stampAll(): void {
    const off = this.#levers.values.reconnectJitterSeconds === 0;
    for (const stamper of this.#open.values()) {
      if (!stamper) continue;
      if (off) stamper.stamp(USUAL_RETRY_MS);
      else this.stamp(stamper);
    }
  }

  /**
   * Ends a stream whose upstream has gone: at once, or at a random moment of the jitter window when the
   * lever is set, so that clients which reconnect without any delay of their own come staggered too.
   */
  endLost(res: Reply): void {
    const delay = retryMs(this.#levers.values.reconnectJitterSeconds, this.#random);
    if (delay === 0) {
      res.end();
      return;
    }
    const cancel = this.#clock.after(delay, () => res.end());
    res.once('close', cancel);
  }

  /** The guard stops: ends all. */
  endAll(): void {
    for (const res of this.#open.keys()) res.end();
  }
}
