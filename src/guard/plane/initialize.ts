/**
 * The handshake's first request: `initialize` waits for admission, goes to an upstream, and its answer
 * names the session. Every one ends in exactly one outcome.
 *
 * waiting → sent → answered; exits: refused (by the queue), abandoned (the client left), failed.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Outcome } from '../metrics.ts';
import type { Refusal, Ticket } from '../policy/admission.ts';
import { isTelling, judge } from '../policy/eras.ts';
import { retryAfterSeconds } from '../policy/jitter.ts';
import { type Message, namedVersion } from '../policy/message.ts';
import { type InHand, paceOf } from '../policy/pressure.ts';
import type { Upstream } from '../policy/upstreams.ts';
import { readAnswer } from './answer-watch.ts';
import { refused, sendRefusal } from './answers.ts';
import type { PlaneContext } from './context.ts';
import { endSession } from './end-session.ts';
import { Exchange, type Watcher } from './exchange.ts';
import { requestHeaders } from './headers.ts';
import { pathOf, upstreamPath } from './path.ts';

const MAX_ATTEMPTS = 3;
/** A request whose client has left may take so long, before its place is given to others. */
const ORPHAN_MS = 30_000;

export class Handshake implements Watcher {
  readonly #context: PlaneContext;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #body: Buffer;
  readonly #message: Message;
  readonly #startedAt: number;
  readonly #known: Upstream | null;
  #ticket: Ticket | null = null;
  #exchange: Exchange | null = null;
  #inHand: InHand | null = null;
  #cancelOrphan: () => void = () => {};
  #upstream: Upstream | null = null;
  #attempts = 0;
  /** Upstreams that rejected it, because they do not speak this era. */
  readonly #rejectedBy: Upstream[] = [];
  #askNext = false;
  #settled = false;
  #gone = false;
  #status = 0;
  #streaming = false;
  #session: string | null = null;

  /** @param known the upstream of the session that the request names, when it names one */
  constructor(
    context: PlaneContext,
    req: IncomingMessage,
    res: ServerResponse,
    body: Buffer,
    message: Message,
    known: Upstream | null,
  ) {
    this.#context = context;
    this.#req = req;
    this.#res = res;
    this.#body = body;
    this.#message = message;
    this.#known = known;
    this.#startedAt = context.clock.monotonic();
  }

  start(): void {
    this.#context.initializes.pending += 1;
    this.#res.once('close', () => this.#clientClosed());
    this.#ticket = this.#context.queue.enter({
      admit: () => this.#send(),
      refuse: (why) => this.#refuse(why),
    });
  }

  #send(): void {
    const { upstreams, fleet, initializes, levers } = this.#context;
    const upstream = this.#known?.up
      ? this.#known
      : upstreams.choose(paceOf(levers.values), this.#rejectedBy);
    if (!upstream) {
      this.#wait();
      return;
    }
    this.#upstream = upstream;
    this.#attempts += 1;
    initializes.expected += 1;
    this.#inHand = upstream.pressure.send();
    this.#exchange = new Exchange(this.#res, this);
    const path = upstreamPath(upstream, this.#req.url!);
    const headers = requestHeaders(this.#req);
    fleet
      .connections(upstream)!
      .handshakes.dispatch({ method: 'POST', path, headers, body: this.#body }, this.#exchange);
  }

  /** Back to the head of the queue: nothing was sent, so nothing is sent twice. */
  #wait(): void {
    queueMicrotask(() => {
      if (!this.#gone && !this.#settled) this.#ticket?.giveBack();
    });
  }

  #refuse(why: Refusal): void {
    const { levers, random } = this.#context;
    const retryAfter = retryAfterSeconds(levers.values.reconnectJitterSeconds, random);
    this.#settle('rejected');
    sendRefusal(this.#res, refused(503, refusalText(why, retryAfter), retryAfter), this.#message.id);
  }

  answered(
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): 'pass' | 'swallow' | 'hold' {
    const { fleet, sessions, initializes } = this.#context;
    const upstream = this.#upstream!;
    fleet.alive(upstream);
    initializes.expected -= 1;
    this.#status = status;
    this.#streaming = String(headers['content-type'] ?? '').startsWith('text/event-stream');
    const id = headers['mcp-session-id'];
    if (status < 300 && typeof id === 'string') {
      this.#session = id;
      if (!this.#gone) sessions.add(id, upstream, pathOf(this.#req.url!));
    }
    if (status < 300) {
      upstream.eras.learn('older', true, upstream.boot);
      upstream.eras.learn('sessionless', id === undefined, upstream.boot);
    }
    if (this.#gone) return 'swallow';
    const readable = isTelling('older', 'initialize', status) && headers['content-encoding'] === undefined;
    return readable && this.#another() ? 'hold' : 'pass';
  }

  /** A server of the newer era alone rejects it without executing it: another one is asked. */
  held(body: Buffer): 'pass' | 'swallow' {
    const upstream = this.#upstream!;
    const { rejected, learned } = judge('older', 'initialize', this.#status, readAnswer(body));
    if (learned !== undefined) upstream.eras.learn('older', learned, upstream.boot);
    this.#askNext = rejected && this.#another();
    return this.#askNext ? 'swallow' : 'pass';
  }

  /** Whether another upstream may take it. */
  #another(): boolean {
    const { upstreams } = this.#context;
    return upstreams.hasAnother('older', [...this.#rejectedBy, this.#upstream!]);
  }

  data(chunk: Buffer): void {
    // An event stream may stay open after the answer is through.
    if (this.#streaming && !this.#settled && chunk.includes('"jsonrpc"')) this.#done(true);
  }

  ended(error: Error | null, began: boolean): void {
    const { fleet, initializes } = this.#context;
    if (!began) initializes.expected -= 1;
    this.#cancelOrphan();
    const failure = error ? fleet.failed(this.#upstream!, error) : null;
    if (this.#gone) {
      this.#leaveUpstream(failure === null);
      if (this.#session !== null) endSession(this.#context, this.#upstream!, this.#session, this.#req);
      return;
    }
    if (failure === null && this.#askNext) {
      this.#askNext = false;
      this.#rejectedBy.push(this.#upstream!);
      this.#leaveUpstream(true);
      this.#wait();
      return;
    }
    if (failure === null) {
      this.#done(true);
      return;
    }
    if (began) {
      this.#done(false);
      this.#res.destroy();
      return;
    }
    if ((failure === 'refused' || failure === 'unreachable') && this.#attempts < MAX_ATTEMPTS) {
      this.#leaveUpstream(false);
      this.#wait();
      return;
    }
    this.#done(false);
    const words = 'The MCP server broke off before it answered initialize; try again';
    sendRefusal(this.#res, refused(502, words), this.#message.id);
  }

  #done(well: boolean): void {
    this.#leaveUpstream(well);
    this.#settle(well && this.#status < 400 ? 'ok' : 'error');
  }

  #leaveUpstream(answered: boolean): void {
    if (!this.#inHand) return;
    this.#inHand.done(answered);
    this.#inHand = null;
    this.#context.queue.poke();
  }

  #clientClosed(): void {
    if (this.#settled) return;
    const { sessions, clock } = this.#context;
    this.#gone = true;
    this.#settle('abandoned');
    this.#ticket?.leave();
    // It cannot have read a whole answer, so it will not use the session.
    if (this.#session !== null) sessions.forget(this.#session);
    // What was sent is left to finish: the server will do the work anyway, and once it has named the
    // session, that can be ended. A dropped connection cancels nothing in this era.
    if (this.#inHand) this.#cancelOrphan = clock.after(ORPHAN_MS, () => this.#exchange?.cut());
  }

  #settle(outcome: Outcome): void {
    if (this.#settled) return;
    this.#settled = true;
    const { clock, metrics, initializes } = this.#context;
    initializes.pending -= 1;
    const seconds = (clock.monotonic() - this.#startedAt) / 1000;
    metrics.initializeEnded(outcome, seconds);
    const version = this.#req.headers['mcp-protocol-version'];
    const error =
      outcome === 'error' && this.#status >= 400 ? String(this.#status) : outcome === 'ok' ? '' : outcome;
    const named = namedVersion(this.#message, typeof version === 'string' ? version : undefined);
    metrics.operationEnded('initialize', '', error, named, seconds);
  }
}

function refusalText(why: Refusal, retryAfter: number): string {
  const again = `try again in ${retryAfter} s`;
  switch (why) {
    case 'waited-too-long':
      return `Too many clients are connecting to this MCP server right now; ${again}`;
    case 'queue-full':
      return `The queue of clients connecting to this MCP server is full; ${again}`;
    case 'sessions-full':
      return `This MCP server has as many sessions as it may have; ${again}`;
    case 'stopping':
      return `This MCP gateway is stopping; ${again}`;
  }
}
