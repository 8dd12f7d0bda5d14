/** Everything but what opens a client: requests within sessions and stateless ones, event streams, DELETE, and the rest. */
import type { IncomingMessage } from 'node:http';
import type { Dispatcher, Pool } from 'undici';
import { isRegular } from '../policy/eras.ts';
import { retryAfterSeconds } from '../policy/jitter.ts';
import { isStateless, type Message, namedVersion } from '../policy/message.ts';
import { needOf, Route } from '../policy/route.ts';
import type { Session } from '../policy/sessions.ts';
import type { Upstream } from '../policy/upstreams.ts';
import { AnswerWatch, readAnswer } from './answer-watch.ts';
import { refused, sendRefusal, sessionNotFound } from './answers.ts';
import type { PlaneContext } from './context.ts';
import { endSession } from './end-session.ts';
import { Exchange, type Watcher } from './exchange.ts';
import { requestHeaders } from './headers.ts';
import { type LastWords, sayLastWords } from './last-words.ts';
import { pathOf, upstreamPath } from './path.ts';
import type { Reply } from './reply.ts';
import { RetryStamper } from './sse.ts';

const MAX_SESSION_ID = 512;

type ResponseHeaders = Record<string, string | string[] | undefined>;

/** Somebody who stands in front of a call, and is told once how it ended. */
export interface CallObserver {
  /** @param error '' for success; else as in the label `error_type`: a JSON-RPC code, `tool_error`, … */
  ended(error: string): void;
}

export class Call implements Watcher {
  readonly #context: PlaneContext;
  readonly #req: IncomingMessage;
  readonly #res: Reply;
  readonly #body: Buffer | null;
  readonly #message: Message;
  readonly #startedAt: number;
  /** The session that the request names; '' for none. The newer era has none, whatever the header says. */
  readonly #id: string;
  readonly #stateless: boolean;
  readonly #opensStream: boolean;
  #session: Session | undefined;
  /** Counted among the session's calls. */
  #inSession = false;
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
  #ended = false;
  #interrupted = false;
  /** A GET event stream or a subscription is open. */
  #streaming = false;
  readonly #observer: CallObserver | null;

  constructor(
    context: PlaneContext,
    req: IncomingMessage,
    res: Reply,
    body: Buffer | null,
    message: Message,
    observer: CallObserver | null = null,
  ) {
    this.#context = context;
    this.#observer = observer;
    this.#req = req;
    this.#res = res;
    this.#body = body;
    this.#message = message;
    this.#startedAt = context.clock.monotonic();
    const { 'mcp-session-id': id, 'mcp-protocol-version': version } = req.headers;
    this.#stateless = isStateless(message, headerText(version));
    this.#id = typeof id === 'string' && !this.#stateless ? id : '';
    this.#opensStream = req.method === 'GET' || message.method === 'subscriptions/listen';
  }

  start(): void {
    this.#res.on('close', () => this.#clientClosed());
    const { sessions, upstreams } = this.#context;
    this.#session = this.#id === '' ? undefined : sessions.use(this.#id);
    if (this.#session) {
      this.#enterSession(this.#session);
      this.#ask(this.#session.upstream);
    } else if (this.#id !== '' && sessions.isLost(this.#id)) {
      const owed = sessions.takeOwed(this.#id);
      if (owed) endSession(this.#context, owed, this.#id, this.#req);
      this.#answer(sessionNotFound);
    } else {
      // A session may be unknown: after a restart of the guard every one is. Those it may belong to are asked.
      const need = this.#id === '' ? needOf(this.#message, this.#stateless) : 'session';
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
      this.#answer(this.#route?.sessionIsUnknown ? sessionNotFound : this.#unavailable());
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

  #pool(upstream: Upstream): Pool | undefined {
    const connections = this.#context.fleet.connections(upstream);
    return this.#opensStream ? connections?.streams : connections?.calls;
  }

  answered(status: number, headers: ResponseHeaders): 'pass' | 'swallow' | 'hold' {
    const { fleet, sessions } = this.#context;
    const upstream = this.#upstream!;
    fleet.alive(upstream);
    this.#followed?.(true);
    this.#status = status;
    this.#error = status >= 400 ? String(status) : '';
    const session = this.#session;
    if (session) {
      if (!this.#deniesSession(status)) {
        if (status < 400) session.boot = upstream.boot;
        if (this.#req.method === 'DELETE' && status < 300) sessions.forget(session.id);
      } else {
        sessions.lose(session);
        if (status !== 404) return 'swallow';
      }
    } else {
      const verdict = this.#route!.answered(status);
      if (verdict === 'next') return this.#swallow();
      if (this.#id !== '' && status < 300) this.#adopt(upstream);
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
      this.#openStream();
      return;
    }
    if (this.#message.kind === 'request') this.#watch = AnswerWatch.for(headers);
    // An observer may interrupt, which has to happen between two events.
    if (streaming && this.#observer !== null && canGrow(headers))
      this.#exchange!.stamper = new RetryStamper(this.#res);
  }

  /** A 404 on the session's own path; or a 400 from a server that may have restarted since it last knew it. */
  #deniesSession(status: number): boolean {
    const session = this.#session!;
    if (pathOf(this.#req.url!) !== session.path) return false;
    return status === 404 || (status === 400 && session.boot < session.upstream.boot);
  }

  /** The upstream recognized a session that the guard did not know. */
  #adopt(upstream: Upstream): void {
    if (this.#req.method === 'DELETE' || this.#id.length > MAX_SESSION_ID) return;
    this.#session = this.#context.sessions.add(this.#id, upstream, pathOf(this.#req.url!));
    this.#enterSession(this.#session);
  }

  /** A session with a call in progress is not idle; one with nothing but an open stream is. */
  #enterSession(session: Session): void {
    this.#inSession = true;
    session.calls += 1;
  }

  #leaveSession(): void {
    if (!this.#inSession) return;
    this.#inSession = false;
    this.#session!.calls -= 1;
  }

  #openStream(): void {
    this.#streaming = true;
    this.#leaveSession();
    this.#exchange!.stamper = this.#context.streams.add(this.#res, this.#session);
  }

  headSent(): void {
    if (this.#streaming) this.#context.streams.stamp(this.#exchange!.stamper!);
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
      else if (this.#session && this.#deniedElsewise()) this.#answer(sessionNotFound);
      else this.#observe(this.#outcome());
    } else if (began) {
      this.#observe('broken');
      if (stream) streams.endLost(this.#res);
      else if (this.#askNext) this.#next();
      else this.#res.destroy();
    } else if (failure === 'invalid') {
      this.#answer(refused(400, 'Bad Request: it cannot be passed on as HTTP'));
    } else if (failure === 'broken') {
      this.#answer(
        refused(
          502,
          'The connection to the MCP server broke before it answered; whether it did the work is unknown',
        ),
      );
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
    const denied = refusedConnection || this.#context.sessions.isLost(this.#id);
    if (!this.#session) {
      if (!refusedConnection) this.#route?.missed();
      this.#next();
    } else this.#answer(denied ? sessionNotFound : this.#unavailable());
  }

  #unavailable() {
    const { levers, random } = this.#context;
    const retryAfter = retryAfterSeconds(levers.values.reconnectJitterSeconds, random);
    return refused(
      503,
      `The MCP server cannot be reached right now; try again in ${retryAfter} s`,
      retryAfter,
    );
  }

  #answer(refusal: Parameters<typeof sendRefusal>[1]): void {
    sendRefusal(this.#res, refusal, this.#message.id);
    this.#observe(String(refusal.status));
  }

  /** Where the request has been sent, or null. */
  get upstream(): Upstream | null {
    return this.#upstream;
  }

  /** Whether its client still waits for an answer. One that has passed on a stream still open ends the call here. */
  waits(): boolean {
    if (!this.#ended && this.#answerPassed()) this.#observe(this.#outcome());
    return !this.#ended;
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
    if (this.#ended) return;
    this.#ended = true;
    this.#leaveSession();
    this.#observer?.ended(error);
    if (this.#req.method !== 'POST') return;
    const { metrics, clock, requestLog } = this.#context;
    const version = namedVersion(this.#message, headerText(this.#req.headers['mcp-protocol-version']));
    const seconds = (clock.monotonic() - this.#startedAt) / 1000;
    metrics.operationEnded(this.#message.method, this.#message.tool, error, version, seconds);
    if (requestLog.wants(error)) this.#note(error, version, seconds);
  }

  #note(error: string, version: string, seconds: number): void {
    this.#context.requestLog.note({
      req: this.#req,
      res: this.#res,
      message: this.#message,
      error,
      version,
      seconds,
      upstream: this.#upstream?.name ?? null,
    });
  }
}

/** Whether something may be added at the end of the body. */
function canGrow(headers: ResponseHeaders): boolean {
  return headers['content-length'] === undefined && headers['content-encoding'] === undefined;
}

function headerText(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function isEventStream(contentType: string | string[] | undefined): boolean {
  return String(contentType ?? '').startsWith('text/event-stream');
}
