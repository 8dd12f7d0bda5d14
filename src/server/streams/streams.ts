/**
 * Open event streams: how many there may be, how one is written, and when it ends: when the client goes, when it no
 * longer reads, when its access ends, when the server stops.
 */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AllclearError, type Clock, type ErrorCode } from '../../kernel/index.ts';
import type { IncidentRecord } from '../../store/index.ts';
import { type Access, actorOf } from '../gate.ts';
import type { ServerOptions } from '../options.ts';
import type { Bell } from './bell.ts';
import { ChangeFeed } from './change-feed.ts';
import { HEARTBEAT, RETRY } from './frame.ts';
import { IncidentFeeds } from './incident-feeds.ts';
import { DEFAULT_LIMITS, type StreamLimits } from './limits.ts';
import { Looker } from './looker.ts';

/** Milliseconds that the end of a stream may take to go out. */
const LAST_MS = 1_000;

/** The next messages, or none for now. */
type Next = () => Promise<readonly string[]>;

export class Streams {
  readonly #access: Access;
  readonly #clock: Clock;
  readonly #limits: StreamLimits;
  readonly #incidents: IncidentFeeds;
  readonly #changes: ChangeFeed;
  readonly #looker: Looker;
  readonly #open = new Map<AbortController, string>();
  #closed = false;

  constructor(options: ServerOptions) {
    const { desk, access, log } = options;
    const { store, clock } = desk;
    this.#clock = clock;
    this.#access = access;
    this.#limits = { ...DEFAULT_LIMITS, ...options.streams };
    this.#incidents = new IncidentFeeds(store, clock);
    this.#changes = new ChangeFeed(store, clock);
    this.#looker = new Looker(desk, log, async () => {
      await this.#incidents.look();
      await this.#changes.look();
    });
  }

  get open(): number {
    return this.#open.size;
  }

  /** Ends all streams, and takes no more. */
  close(): void {
    this.#closed = true;
    this.#looker.close();
    for (const stream of this.#open.keys()) stream.abort();
  }

  /** The events of an incident after `seq`, and those to come. Errors: `E_OVERLOADED`, `E_RATE_LIMITED` */
  ofIncident(
    request: FastifyRequest,
    reply: FastifyReply,
    incident: IncidentRecord,
    seq: number,
  ): FastifyReply {
    const stop = this.#begin(request, reply);
    const feed = this.#incidents.join(incident.id, incident.seq);
    // A number that was never given is of another store: everything is news.
    let last = seq > incident.seq ? 0 : seq;
    const next: Next = async () => {
      const events = await feed.after(last);
      last = events.at(-1)?.seq ?? last;
      return events.map((event) => event.frame);
    };
    return this.#send(request, reply, stop, feed.bell, next, () => this.#incidents.leave(incident.id));
  }

  /** Summaries of incidents that changed since, and those to come. Errors: as `ofIncident` */
  ofChanges(request: FastifyRequest, reply: FastifyReply, since: number | null): FastifyReply {
    const stop = this.#begin(request, reply);
    let place = this.#changes.join(since);
    const next: Next = async () => {
      let frames: readonly string[];
      do ({ frames, place } = await this.#changes.after(place));
      while (frames.length === 0 && place.catchUp !== null);
      return frames;
    };
    return this.#send(request, reply, stop, this.#changes.bell, next, () => this.#changes.leave());
  }

  #begin(request: FastifyRequest, reply: FastifyReply): AbortController {
    const { name } = actorOf(request);
    if (this.#closed) throw tooMany('E_OVERLOADED', 'the server is stopping');
    if (this.#open.size >= this.#limits.total) {
      throw tooMany('E_OVERLOADED', `there are ${this.#limits.total} event streams, the limit`);
    }
    const own = [...this.#open.values()].filter((one) => one === name).length;
    if (own >= this.#limits.perActor) {
      throw tooMany('E_RATE_LIMITED', `${name} has ${own} event streams, the limit`);
    }
    const stop = new AbortController();
    this.#open.set(stop, name);
    reply.raw.once('close', () => stop.abort());
    return stop;
  }

  #send(
    request: FastifyRequest,
    reply: FastifyReply,
    stop: AbortController,
    bell: Bell,
    next: Next,
    leave: () => void,
  ): FastifyReply {
    const frames = this.#frames(stop.signal, bell, next);
    this.#guard(request, reply, stop);
    const end = () => {
      leave();
      this.#open.delete(stop);
      // One that does not read does not see the end either.
      this.#clock.after(LAST_MS, () => reply.raw.destroy());
    };
    stop.signal.addEventListener('abort', end, { once: true });
    this.#looker.wake();
    return reply
      .header('content-type', 'text/event-stream; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no')
      .send(Readable.from(frames, { highWaterMark: 1 }));
  }

  /** Asked for the next only when the last has gone out: a slow reader is never ahead of its connection. */
  async *#frames(signal: AbortSignal, bell: Bell, next: Next): AsyncGenerator<string> {
    yield RETRY;
    while (!signal.aborted) {
      const rung = bell.wait(this.#limits.heartbeatMs, signal);
      const frames = await next();
      if (frames.length > 0) {
        yield frames.join('');
        continue;
      }
      const began = this.#clock.monotonic();
      await rung;
      if (this.#clock.monotonic() - began >= this.#limits.heartbeatMs) yield HEARTBEAT;
    }
  }

  /** Now and then: cuts a stream that is not read, and ends one whose actor may no longer watch. */
  #guard(request: FastifyRequest, reply: FastifyReply, stop: AbortController): void {
    let written = -1;
    const look = () => {
      if (stop.signal.aborted) return;
      const { socket, writableLength } = reply.raw;
      if (writableLength > 0 && socket?.bytesWritten === written) reply.raw.destroy();
      written = socket?.bytesWritten ?? -1;
      void this.#access.authenticate(request).catch((error: unknown) => {
        // A store that is away for a moment is no reason.
        if (error instanceof AllclearError && endsAccess.includes(error.code)) stop.abort();
      });
      this.#clock.after(this.#limits.heartbeatMs, look);
    };
    this.#clock.after(this.#limits.heartbeatMs, look);
  }
}

const endsAccess: readonly ErrorCode[] = ['E_UNAUTHORIZED', 'E_FORBIDDEN'];

function tooMany(code: 'E_OVERLOADED' | 'E_RATE_LIMITED', what: string): AllclearError {
  return new AllclearError(code, {
    what,
    next: 'Close some, or try again later; /events without a stream works too.',
  });
}
