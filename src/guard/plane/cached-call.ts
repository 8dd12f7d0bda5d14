/**
 * A request of the stateless era whose result may be shared: answered from the cache, from the answer that another
 * such request gets, or by an upstream.
 *
 * answered from the cache; or leads → passes its answer on; or waits → shared, or leads after all. Exits: a
 * stale result when the upstream fails or is slow; refused; its client left.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerText } from '../policy/cacheable.ts';
import { DISCOVER } from '../policy/eras.ts';
import type { Flight, Landing, Member } from '../policy/flights.ts';
import { retryAfterSeconds } from '../policy/jitter.ts';
import type { Message } from '../policy/message.ts';
import type { Kept, Query } from '../policy/result-cache.ts';
import type { SharingOutcome } from '../policy/sharing.ts';
import { refused, sendRefusal } from './answers.ts';
import { Call } from './call.ts';
import { CallRecord } from './call-record.ts';
import type { PlaneContext } from './context.ts';
import { Opening } from './opening.ts';
import { type Owner, SharedReply } from './shared-reply.ts';

/** An upstream that takes longer counts as failing, for those who may have a stale result. */
const SLOW_MS = 2000;
/** A request whose clients were all given a stale result goes on for so long, to renew it. */
const LINGER_MS = 30_000;

export class CachedCall implements Member, Owner {
  readonly #context: PlaneContext;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #body: Buffer;
  readonly #message: Message;
  /** Requests that lead are recorded by who sends them; this is for the others, told once the answer is on its way. */
  readonly #record: CallRecord;
  readonly query: Query;
  flight: Flight | null = null;
  #led: Flight | null = null;
  #reply: SharedReply | null = null;
  /** The client has left, or was answered by other means than the request that it leads. */
  #done = false;
  /** All were given a stale result, and the request goes on to renew it. */
  #lingers = false;
  #cancelTimer: () => void = () => {};

  constructor(
    context: PlaneContext,
    req: IncomingMessage,
    res: ServerResponse,
    body: Buffer,
    message: Message,
    query: Query,
  ) {
    this.#context = context;
    this.#req = req;
    this.#res = res;
    this.#body = body;
    this.#message = message;
    this.query = query;
    this.#record = new CallRecord(context, req, res, message, null);
  }

  start(): void {
    const { upstreams, clock } = this.#context;
    const { results, flights } = this.#context.sharing!;
    const fresh = results.fresh(this.query);
    if (fresh) {
      this.#give(fresh.kept, fresh.ttlMs, 'hit');
      return;
    }
    const stale = results.stale(this.query);
    if (stale && !upstreams.isAvailable('newer')) {
      this.#give(stale, 0, 'stale');
      return;
    }
    this.#res.once('close', () => this.#clientClosed());
    if (stale) this.#cancelTimer = clock.after(SLOW_MS, () => this.#slow());
    flights.enter(this);
  }

  lead(flight: Flight): void {
    this.#led = flight;
    const reply = new SharedReply(this.#res, this);
    this.#reply = reply;
    if (this.#message.method === DISCOVER) {
      new Opening(this.#context, this.#req, reply, this.#body, this.#message, null).start();
    } else new Call(this.#context, this.#req, reply, this.#body, this.#message).start();
  }

  share(kept: Kept, ttlMs: number, how: 'shared' | 'stale'): void {
    this.#give(kept, ttlMs, how);
  }

  refuse(): void {
    const { levers, random } = this.#context;
    const retryAfter = retryAfterSeconds(levers.values.reconnectJitterSeconds, random);
    this.#finish('refused');
    sendRefusal(
      this.#res,
      refused(503, `The MCP server fails right now; try again in ${retryAfter} s`, retryAfter),
      this.#message.id,
    );
    this.#record.end('rejected', null);
  }

  failing(): boolean {
    const { results, flights } = this.#context.sharing!;
    flights.giveStale(this.#led!);
    const kept = this.#done ? undefined : results.stale(this.query);
    if (kept) this.#give(kept, 0, 'stale');
    return kept !== undefined;
  }

  landed(landing: Landing): void {
    if (!this.#done) this.#finish(this.#led!.alone ? 'bypass' : 'miss');
    this.#context.sharing!.flights.land(this.#led!, landing);
  }

  deserted(): void {
    if (this.#done && !this.#lingers) this.#reply!.abandon();
  }

  #slow(): void {
    const { results, flights } = this.#context.sharing!;
    const kept = results.stale(this.query);
    if (!kept) return;
    if (!this.#reply) flights.leave(this);
    else if (this.#reply.headersSent) return;
    else {
      this.#reply.dropLeader();
      this.#lingers = true;
      this.#context.clock.after(LINGER_MS, () => {
        this.#lingers = false;
        if (!flights.isAwaited(this.#led!)) this.deserted();
      });
    }
    this.#give(kept, 0, 'stale');
  }

  #clientClosed(): void {
    if (this.#done || this.#res.writableFinished) return;
    const { flights } = this.#context.sharing!;
    this.#cancelTimer();
    if (this.#reply) {
      this.#done = true;
      this.#reply.dropLeader();
      if (!flights.isAwaited(this.#led!)) this.#reply.abandon();
      return;
    }
    flights.leave(this);
    this.#finish('left');
    this.#record.end('cancelled', null);
  }

  #give({ result, head }: Kept, ttlMs: number, how: SharingOutcome): void {
    this.#finish(how);
    const body = answerText(result, this.#message.id!, ttlMs);
    const length = Buffer.byteLength(body);
    this.#res.writeHead(200, { ...head, 'content-type': 'application/json', 'content-length': length });
    this.#res.end(body);
    this.#record.end('', null);
  }

  #finish(how: SharingOutcome): void {
    this.#done = true;
    this.#cancelTimer();
    this.#context.sharing!.count(this.#message.method, how);
  }
}
