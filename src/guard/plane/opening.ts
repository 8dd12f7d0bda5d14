/**
 * A client's first request, `initialize` or `server/discover`: it waits for admission and goes to an upstream; the
 * answer to an initialize names the session. Every one ends in exactly one outcome, save a discover that
 * nobody here speaks: what its client does next is the opening.
 *
 * waiting → sent → answered; exits: refused (by the queue), abandoned (the client left), failed.
 */
import type { IncomingMessage } from 'node:http';
import type { Outcome } from '../metrics.ts';
import type { Refusal, Ticket } from '../policy/admission.ts';
import { isRegular, isTelling, judge, type Speech } from '../policy/eras.ts';
import { retryAfterSeconds } from '../policy/jitter.ts';
import { isStateless, type Message, namedVersion } from '../policy/message.ts';
import { type InHand, paceOf } from '../policy/pressure.ts';
import type { Upstream } from '../policy/upstreams.ts';
import { AnswerWatch, readAnswer } from './answer-watch.ts';
import { refused, sendRefusal, unavailable } from './answers.ts';
import type { PlaneContext } from './context.ts';
import { endSession } from './end-session.ts';
import { Exchange, type Watcher } from './exchange.ts';
import { headerText, requestHeaders, schemeOf } from './headers.ts';
import { pathOf, throughGuard, upstreamPath } from './path.ts';
import type { Reply } from './reply.ts';

const MAX_ATTEMPTS = 3;
/** A request whose client has left may take so long, before its place is given to others. */
const ORPHAN_MS = 30_000;

export class Opening implements Watcher {
  readonly #context: PlaneContext;
  readonly #req: IncomingMessage;
  readonly #res: Reply;
  readonly #body: Buffer;
  readonly #message: Message;
  /** Where it waits: `older` for initialize, which alone opens a session. */
  readonly #lane: Extract<Speech, 'older' | 'newer'>;
  /** What the upstream must speak. An initialize that claims the newer era is for its servers to refuse. */
  readonly #speech: Extract<Speech, 'older' | 'newer'>;
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
  /** Reads what the answer to a discover says. */
  #watch: AnswerWatch | null = null;
  /** The server does not speak this era, and there is no other. */
  #unknown = false;
  #session: string | null = null;

  /** @param known the upstream of the session that the request names, when it names one */
  constructor(
    context: PlaneContext,
    req: IncomingMessage,
    res: Reply,
    body: Buffer,
    message: Message,
    known: Upstream | null,
  ) {
    this.#context = context;
    this.#req = req;
    this.#res = res;
    this.#body = body;
    this.#message = message;
    this.#lane = message.kind === 'initialize' ? 'older' : 'newer';
    this.#speech = isStateless(message, undefined) ? 'newer' : this.#lane;
    this.#known = known;
    this.#startedAt = context.clock.monotonic();
  }

  start(): void {
    this.#context.initializes.pending += 1;
    this.#res.once('close', () => this.#clientClosed());
    this.#ticket = this.#context.queue.enter({
      lane: this.#lane,
      admit: () => this.#send(),
      refuse: (why) => this.#refuse(why),
    });
  }

  #send(): void {
    const { fleet, initializes } = this.#context;
    const upstream = this.#choose();
    if (!upstream) {
      this.#wait();
      return;
    }
    this.#upstream = upstream;
    this.#attempts += 1;
    if (this.#lane === 'older') initializes.expected += 1;
    this.#inHand = upstream.pressure.send();
    this.#exchange = new Exchange(this.#res, this);
    const path = upstreamPath(upstream, this.#req.url!);
    const headers = requestHeaders(this.#req);
    fleet
      .connections(upstream)!
      .handshakes.dispatch({ method: 'POST', path, headers, body: this.#body }, this.#exchange);
  }

  #choose(): Upstream | undefined {
    const { upstreams, levers } = this.#context;
    if (this.#known?.up && !this.#rejectedBy.includes(this.#known)) return this.#known;
    const pace = paceOf(levers.values);
    // Where none speaks its language (any more), whoever is there tells it so. The gate counts on that.
    return upstreams.choose(pace, this.#rejectedBy, this.#speech) ?? upstreams.choose(pace, [], this.#lane);
  }

  /** Back to the head of the queue: nothing was sent, so nothing is sent twice. */
  #wait(): void {
    queueMicrotask(() => {
      if (!this.#gone && !this.#settled) this.#ticket?.giveBack();
    });
  }

  #refuse(why: Refusal): void {
    const { levers, random, upstreams } = this.#context;
    const retryAfter = retryAfterSeconds(levers.values.reconnectJitterSeconds, random);
    this.#settle('rejected');
    const away = why === 'waited-too-long' && !upstreams.isAvailable(this.#lane);
    const refusal = away ? unavailable(retryAfter) : refused(503, refusalText(why, retryAfter), retryAfter);
    sendRefusal(this.#res, refusal, this.#message.id);
  }

  answered(
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): 'pass' | 'swallow' | 'hold' {
    const upstream = this.#upstream!;
    this.#context.fleet.alive(upstream);
    this.#status = status;
    this.#streaming = String(headers['content-type'] ?? '').startsWith('text/event-stream');
    if (this.#lane === 'newer') this.#watch = AnswerWatch.for(headers);
    else this.#initialized(headers['mcp-session-id']);
    if (this.#gone) return 'swallow';
    const telling = isTelling(this.#speech, this.#message.method, status);
    const readable = telling && headers['content-encoding'] === undefined;
    return readable && (this.#speech === 'newer' || this.#another()) ? 'hold' : 'pass';
  }

  #initialized(id: string | string[] | undefined): void {
    const { sessions, initializes } = this.#context;
    const upstream = this.#upstream!;
    initializes.expected -= 1;
    if (this.#status >= 300) return;
    if (typeof id === 'string') {
      this.#session = id;
      if (!this.#gone) sessions.add(id, upstream, pathOf(this.#req.url!));
    }
    upstream.eras.learn('older', true, upstream.boot);
    upstream.eras.learn('sessionless', id === undefined, upstream.boot);
  }

  /** A server of the other era alone rejects it without executing it: another one is asked. */
  held(body: Buffer): 'pass' | 'swallow' {
    const upstream = this.#upstream!;
    const { method } = this.#message;
    const { rejected, learned } = judge(this.#speech, method, this.#status, readAnswer(body));
    const { 'mcp-protocol-version': version, 'mcp-method': named } = this.#req.headers;
    const regular = isRegular(this.#message, headerText(version), headerText(named));
    if (learned !== undefined && (learned || regular)) {
      upstream.eras.learn(this.#speech, learned, upstream.boot);
    }
    this.#askNext = rejected && this.#another();
    this.#unknown = rejected && this.#speech === 'newer';
    return this.#askNext ? 'swallow' : 'pass';
  }

  moved(location: string): string {
    return throughGuard(location, this.#upstream!, schemeOf(this.#req));
  }

  /** Whether another upstream may take it. */
  #another(): boolean {
    const { upstreams } = this.#context;
    if (this.#attempts > upstreams.all.length) return false;
    return upstreams.hasAnother(this.#speech, [...this.#rejectedBy, this.#upstream!]);
  }

  data(chunk: Buffer): void {
    this.#watch?.data(chunk);
    // An event stream may stay open after the answer is through.
    if (this.#streaming && !this.#settled && chunk.includes('"jsonrpc"')) this.#done(true);
  }

  ended(error: Error | null, began: boolean): void {
    const { fleet, initializes } = this.#context;
    if (!began && this.#status === 0 && this.#lane === 'older') initializes.expected -= 1;
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
    const unsent = failure !== 'broken' && failure !== 'invalid';
    if (unsent && this.#attempts < MAX_ATTEMPTS) {
      this.#leaveUpstream(false);
      this.#wait();
      return;
    }
    this.#done(false);
    const words = 'The MCP server broke off before it answered; try again';
    sendRefusal(this.#res, refused(502, words), this.#message.id);
  }

  #done(well: boolean): void {
    this.#leaveUpstream(well);
    const error = this.#status >= 400 ? String(this.#status) : (this.#watch?.outcome() ?? '');
    if (this.#unknown && well) this.#settle(null, error);
    else this.#settle(well && error === '' ? 'ok' : 'error', error);
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
    // In the newer era the closed connection is the cancellation. In the older one it cancels nothing, so
    // what was sent is left to finish: the server will do the work anyway, and once it has named the session,
    // that can be ended.
    if (this.#lane === 'newer') this.#exchange?.cut();
    else if (this.#inHand) this.#cancelOrphan = clock.after(ORPHAN_MS, () => this.#exchange?.cut());
  }

  /**
   * @param outcome null when it turned out to be no opening
   * @param error what the upstream said, if it did
   */
  #settle(outcome: Outcome | null, error = ''): void {
    if (this.#settled) return;
    this.#settled = true;
    const { clock, metrics, initializes, requestLog } = this.#context;
    initializes.pending -= 1;
    const seconds = (clock.monotonic() - this.#startedAt) / 1000;
    if (outcome) metrics.initializeEnded(outcome, seconds);
    const version = headerText(this.#req.headers['mcp-protocol-version']);
    const label = error === '' && outcome !== 'ok' ? (outcome ?? '') : error;
    const named = namedVersion(this.#message, version);
    metrics.operationEnded(this.#message.method, '', label, named, seconds);
    if (!requestLog.wants(label)) return;
    requestLog.note({
      req: this.#req,
      res: this.#res,
      message: this.#message,
      error: label,
      version: named,
      seconds,
      upstream: this.#upstream?.name ?? null,
    });
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
