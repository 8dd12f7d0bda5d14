/** Everything but what opens a client: requests within sessions and stateless ones, event streams, DELETE, and the rest. */
import type { IncomingMessage } from 'node:http';
import type { Dispatcher } from 'undici';
import { isRegular } from '../policy/eras.ts';
import { retryAfterSeconds } from '../policy/jitter.ts';
import { isStateless, type Message } from '../policy/message.ts';
import { needOf, Route } from '../policy/route.ts';
import type { Upstream } from '../policy/upstreams.ts';
import { AnswerWatch, readAnswer } from './answer-watch.ts';
import {
  brokenOff,
  denials,
  type Refused,
  refused,
  sendRefusal,
  sessionNotFound,
  unavailable,
} from './answers.ts';
import { type CallObserver, CallRecord } from './call-record.ts';
import type { ConnectionPool } from './connection-pool.ts';
import type { PlaneContext } from './context.ts';
import { endSession } from './end-session.ts';
import { Exchange, type ResponseHeaders, type Watcher } from './exchange.ts';
import { canGrow, headerText, isEventStream, requestHeaders, schemeOf } from './headers.ts';
import { type LastWords, sayLastWords } from './last-words.ts';
import { throughGuard, upstreamPath } from './path.ts';
import type { Reply } from './reply.ts';
import { SessionUse } from './session-use.ts';
import { RetryStamper } from './sse.ts';

export class Call implements Watcher {
  readonly #context: PlaneContext;
  readonly #req: IncomingMessage;
  readonly #res: Reply;
  readonly #body: Buffer | null;
  readonly #message: Message;
  /** Of the older era: in the newer one there are no sessions, whatever the header says. */
  readonly #use: SessionUse;
  readonly #stateless: boolean;
  readonly #opensStream: boolean;
  /** The way of a request whose upstream is not known from its session. */
  #route: Route | null = null;
  #exchange: Exchange | null = null;
  #upstream: Upstream | null = null;
  #status = 0;
  #error = '';
  /** Reads what an answer with HTTP 200 says. */
  #watch: AnswerWatch | null = null;
  /** The swallowed answer means: ask the next upstream. */
  #askNext = false;
  #gone = false;
  /** Set for what a handshake asks for after initialize, until it is answered. */
  #followed: ((answered: boolean) => void) | null = null;
  #interrupted = false;
  /** A GET event stream or a subscription is open. */
  #streaming = false;
  readonly #record: CallRecord;
  /** Somebody stands in front, and may interrupt. */
  readonly #observed: boolean;

  constructor(
    context: PlaneContext,
    req: IncomingMessage,
    res: Reply,
    body: Buffer | null,
    message: Message,
    observer: CallObserver | null = null,
  ) {
    this.#context = context;
    this.#record = new CallRecord(context, req, res, message, observer);
    this.#observed = observer !== null;
    this.#req = req;
    this.#res = res;
    this.#body = body;
    this.#message = message;
    const { 'mcp-session-id': id, 'mcp-protocol-version': version } = req.headers;
    this.#stateless = isStateless(message, headerText(version));
    const named = typeof id === 'string' && !this.#stateless ? id : '';
    this.#use = new SessionUse(context.sessions, req, named);
    this.#opensStream = req.method === 'GET' || message.method === 'subscriptions/listen';
  }

  start(): void {
    this.#res.on('close', () => this.#clientClosed());
    const { sessions, upstreams } = this.#context;
    const { id } = this.#use;
    const session = this.#use.enter();
    if (session) this.#ask(session.upstream);
    else if (id !== '' && sessions.isLost(id)) {
      const owed = sessions.takeOwed(id);
      if (owed) endSession(this.#context, owed, id, this.#req);
      this.#answer(sessionNotFound);
    } else {
      // A session may be unknown: after a restart of the guard every one is. Those it may belong to are asked.
      const need = id === '' ? needOf(this.#message, this.#stateless) : 'session';
      this.#route = new Route(upstreams, need, this.#message.method, this.#isRegular());
      this.#ask(this.#route.next());
    }
  }

  #isRegular(): boolean {
    const { 'mcp-protocol-version': version, 'mcp-method': method } = this.#req.headers;
    return isRegular(this.#message, headerText(version), headerText(method));
  }

  #ask(upstream: Upstream | undefined): void {
    const pool = upstream && this.#pool(upstream);
    if (!upstream || !pool) {
      const denial = this.#route?.denial;
      this.#answer(denial ? denials[denial] : this.#unavailable());
      return;
    }
    this.#upstream = upstream;
    upstream.calls += 1;
    this.#followed = upstream.pressure.followers.sent(
      this.#req.method === 'GET' ? 'GET' : this.#message.method,
    );
    this.#exchange = new Exchange(this.#res, this);
    const options: Dispatcher.DispatchOptions = {
      method: this.#req.method as Dispatcher.HttpMethod,
      path: upstreamPath(upstream, this.#req.url!),
      headers: requestHeaders(this.#req),
      body: this.#body,
    };
    pool.dispatch(options, this.#exchange);
  }

  #pool(upstream: Upstream): ConnectionPool | undefined {
    const connections = this.#context.fleet.connections(upstream);
    return this.#opensStream ? connections?.streams : connections?.calls;
  }

  answered(status: number, headers: ResponseHeaders): 'pass' | 'swallow' | 'hold' {
    const upstream = this.#upstream!;
    this.#context.fleet.alive(upstream);
    this.#followed?.(true);
    this.#status = status;
    this.#error = status >= 400 ? String(status) : '';
    if (this.#use.session) {
      if (this.#use.answered(status) && status !== 404) return 'swallow';
    } else {
      const verdict = this.#route!.answered(status);
      if (verdict === 'next') return this.#swallow();
      if (status < 300) this.#use.adopt(upstream);
      if (verdict === 'look' && headers['content-encoding'] === undefined) {
        this.#watchFor(headers);
        return 'hold';
      }
    }
    this.#watchFor(headers);
    return 'pass';
  }

  held(body: Buffer): 'pass' | 'swallow' {
    return this.#route!.accepts(this.#status, readAnswer(body)) ? 'pass' : this.#swallow();
  }

  #swallow(): 'swallow' {
    this.#askNext = true;
    return 'swallow';
  }

  /** Looks at what the answer will say, and takes in a stream that stays open. */
  #watchFor(headers: ResponseHeaders): void {
    if (this.#status !== 200 || this.#res.destroyed) return;
    const streaming = isEventStream(headers['content-type']);
    if (this.#opensStream && streaming) {
      this.#openStream(canGrow(headers));
      return;
    }
    if (this.#message.kind === 'request') this.#watch = AnswerWatch.for(headers);
    // An observer may interrupt, which has to happen between two events.
    if (streaming && this.#observed && canGrow(headers))
      this.#exchange!.stamper = new RetryStamper(this.#res);
  }

  /** @param grows something may be written into it: a compressed one would be spoilt */
  #openStream(grows: boolean): void {
    this.#streaming = true;
    this.#use.leave();
    this.#exchange!.stamper = this.#context.streams.add(this.#res, grows, this.#use.session ?? undefined);
  }

  headSent(): void {
    const stamper = this.#exchange!.stamper;
    if (this.#streaming && stamper) this.#context.streams.stamp(stamper);
  }

  moved(location: string): string {
    return throughGuard(location, this.#upstream!, schemeOf(this.#req));
  }

  data(chunk: Buffer): void {
    this.#watch?.data(chunk);
  }

  ended(error: Error | null, began: boolean): void {
    const { fleet, streams } = this.#context;
    const upstream = this.#upstream!;
    upstream.calls -= 1;
    this.#followed?.(false);
    if (this.#interrupted) return;
    const stream = this.#streaming;
    const failure = error ? fleet.failed(upstream, error) : null;
    // A server that goes ends its session streams first. It ends a subscription whenever it likes.
    if (stream && this.#message.kind === 'opaque' && !this.#gone && failure === null) fleet.doubt(upstream);
    if (this.#gone) this.#observe(this.#answerPassed() ? this.#outcome() : 'cancelled');
    else if (failure === null) {
      if (this.#askNext) this.#next();
      else if (this.#use.session && this.#deniedElsewise()) this.#answer(sessionNotFound);
      else this.#observe(this.#outcome());
    } else if (began) {
      this.#observe('broken');
      if (stream) streams.endLost(this.#res);
      else if (this.#askNext) this.#next();
      else this.#res.destroy();
    } else if (failure === 'invalid') {
      this.#answer(refused(400, 'Bad Request: it cannot be passed on as HTTP'));
    } else if (failure === 'broken') {
      this.#answer(brokenOff);
    } else this.#notReached(failure === 'refused');
  }

  #outcome(): string {
    return this.#error || (this.#watch?.outcome() ?? '');
  }

  /** The client has its answer, though the stream that brought it is still open. */
  #answerPassed(): boolean {
    return this.#watch?.answered() ?? false;
  }

  #next(): void {
    this.#askNext = false;
    this.#error = '';
    this.#watch = null;
    this.#ask(this.#route?.next());
  }

  /** The answer was swallowed because it denied the session in other words than the protocol's. */
  #deniedElsewise(): boolean {
    return this.#error === '400' && !this.#res.headersSent;
  }

  /** Nothing was sent, so another upstream may be asked. */
  #notReached(refusedConnection: boolean): void {
    const denied = refusedConnection || this.#context.sessions.isLost(this.#use.id);
    if (!this.#use.session) {
      if (!refusedConnection) this.#route?.missed();
      this.#next();
    } else this.#answer(denied ? sessionNotFound : this.#unavailable());
  }

  #unavailable(): Refused {
    const { levers, random } = this.#context;
    return unavailable(retryAfterSeconds(levers.values.reconnectJitterSeconds, random));
  }

  #answer(refusal: Refused): void {
    sendRefusal(this.#res, refusal, this.#message.id);
    this.#observe(String(refusal.status));
  }

  /** Where the request has been sent, or null. */
  get upstream(): Upstream | null {
    return this.#upstream;
  }

  /** Whether its client still waits for an answer. One that has passed on a stream still open ends the call here. */
  waits(): boolean {
    if (!this.#record.ended && this.#answerPassed()) this.#observe(this.#outcome());
    return !this.#record.ended;
  }

  /** Instead of `start`: the call has been answered without being made. */
  refused(error: string): void {
    this.#observe(error);
  }

  /** Its client has said that it waits no longer. What still comes passes. */
  abandoned(): void {
    this.#observe('cancelled');
  }

  /** Gives the call up before its end: the request to the upstream is cut, and the client is told. */
  interrupt(error: string, words: LastWords): void {
    if (!this.waits()) return;
    this.#interrupted = true;
    this.#observe(error);
    const exchange = this.#exchange;
    sayLastWords(this.#context.clock, this.#res, exchange?.stamper ?? null, words, () => exchange?.cut());
  }

  #clientClosed(): void {
    // A stream that the guard has ended is open at the upstream still.
    if (this.#res.writableFinished && !this.#streaming) return;
    this.#gone = true;
    // Messages without an answer, and the end of a session, are still delivered. For the rest the server
    // sees what it would have seen without the guard: the connection is dropped. In the newer era that is
    // the cancellation; in the older one it cancels nothing.
    if (this.#message.kind === 'one-way' || this.#req.method === 'DELETE') return;
    this.#exchange?.cut();
  }

  #observe(error: string): void {
    if (this.#record.ended) return;
    this.#use.leave();
    this.#record.end(error, this.#upstream);
  }
}
