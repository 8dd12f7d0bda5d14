/**
 * One refresh on its way: through the paced queue to the authorization server, and its answer read whole.
 *
 * waiting → sent → landed. Back to waiting only when it is certain that the refresh was not done: nothing was
 * sent, or the server said "too many". After any other failure it may have been done, and the refresh token
 * may be used up: it is never sent again.
 */
import type { Dispatcher } from 'undici';
import type { Applicant, Refusal, Ticket } from '../policy/admission.ts';
import type { Kept } from '../policy/answer-shelf.ts';
import { judgeRefresh, type RefreshVerdict } from '../policy/refresh-answer.ts';
import type { Flight, Success } from '../policy/refresh-desk.ts';
import type { RefreshRequest } from '../policy/refresh-request.ts';
import { retryAfterOf } from '../policy/refresh-throttle.ts';
import type { AuthContext, RefreshAnswer } from './auth-context.ts';
import type { Controller } from './connections.ts';
import { responseHeaders } from './headers.ts';

/** An answer that comes later than this is not waited for, even for clients that ask again. */
const DEADLINE_MS = 120_000;
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_ATTEMPTS = 5;
const UNKNOWN = 'whether the refresh token has been used up is unknown';

/** For a refresh that came with the same refresh token at the same time, and may not have the same answer. */
const USED_UP: RefreshAnswer = {
  kind: 'later',
  outcome: 'rejected',
  why: 'Another request has just used this refresh token; go on with the tokens that it was given',
};

const NOT_HTTP: RefreshAnswer = {
  kind: 'theirs',
  outcome: 'error',
  status: 400,
  headers: ['content-type', 'application/json', 'cache-control', 'no-store'],
  body: Buffer.from('{"error":"invalid_request","error_description":"It cannot be passed on as HTTP"}'),
};

export interface Outgoing {
  readonly path: string;
  readonly headers: string[];
  readonly body: Buffer;
}

type Theirs = Extract<RefreshAnswer, { kind: 'theirs' }>;

export class RefreshFlight implements Applicant, Dispatcher.DispatchHandler {
  readonly #context: AuthContext;
  readonly #flight: Flight<RefreshAnswer>;
  readonly #refresh: RefreshRequest;
  readonly #outgoing: Outgoing;
  #ticket: Ticket | null = null;
  #controller: Controller | null = null;
  #attempts = 0;
  #dispatched = false;
  #sent = false;
  #throttled = false;
  #ended = false;
  #cut: Error | null = null;
  #cancelDeadline: () => void = () => {};
  #status = 0;
  #headers: Record<string, string | string[] | undefined> = {};
  #raw: readonly Buffer[] = [];
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(
    context: AuthContext,
    flight: Flight<RefreshAnswer>,
    refresh: RefreshRequest,
    outgoing: Outgoing,
  ) {
    this.#context = context;
    this.#refresh = refresh;
    this.#flight = flight;
    this.#outgoing = outgoing;
  }

  start(): void {
    this.#ticket = this.#context.queue.enter(this);
  }

  /** Nobody waits for it any more, and it was not sent. */
  giveUp(): void {
    this.#ended = true;
    this.#ticket?.leave();
    this.#abort(new Error('nobody waits for it'));
  }

  admit(): void {
    const { throttle, metrics, fleet, upstream, clock } = this.#context;
    this.#attempts += 1;
    this.#dispatched = true;
    this.#sent = false;
    this.#controller = null;
    this.#chunks = [];
    this.#bytes = 0;
    throttle.sent();
    metrics.refreshSent();
    this.#cancelDeadline = clock.after(DEADLINE_MS, () => this.#abort(new Error('no answer in time')));
    const { path, headers, body } = this.#outgoing;
    const pool = fleet.connections(upstream)?.calls;
    if (pool) pool.dispatch({ method: 'POST', path, headers, body }, this);
    else this.onResponseError(null, new Error('the guard stops'));
  }

  refuse(why: Refusal): void {
    if (this.#throttled) this.#later('throttled', 'The authorization server is busy');
    else if (this.#attempts > 0 || !this.#context.upstream.up)
      this.#later('error', 'The authorization server cannot be reached right now');
    else this.#later('rejected', refusalText(why));
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#cut) {
      controller.abort(this.#cut);
      return;
    }
    this.#sent = true;
    this.#flight.sent();
  }

  onResponseStart(
    controller: Controller,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    this.#raw = (controller.rawHeaders ?? []) as readonly Buffer[];
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_ANSWER_BYTES) this.#abort(new Error('the answer is too large'));
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const { fleet, upstream, throttle, tokens, clock } = this.#context;
    fleet.alive(upstream);
    const encoded = (this.#headers['content-encoding'] ?? 'identity') !== 'identity';
    const body = Buffer.concat(this.#chunks, this.#bytes);
    const verdict = judgeRefresh(this.#status, encoded ? null : body.toString('utf8'));
    const retryAfter = retryAfterOf(String(this.#headers['retry-after'] ?? ''), clock.now());
    const busy = verdict.outcome === 'throttled' || (this.#status === 503 && retryAfter !== null);
    if (busy) throttle.throttled(retryAfter);
    else if (this.#status < 500) throttle.served();
    if (!this.#leaveServer()) return;
    if (verdict.issued) tokens.issued(verdict.issued.accessToken, verdict.issued.seconds);
    if (verdict.outcome === 'throttled') this.#throttled = true;
    if (verdict.outcome === 'throttled' && this.#waitAgain()) return;
    this.#land(verdict, body);
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    const { fleet, upstream } = this.#context;
    const failure = this.#cut ? null : fleet.failed(upstream, error);
    if (!this.#leaveServer()) return;
    if (failure === 'invalid') {
      this.#ended = true;
      this.#flight.land(NOT_HTTP, null);
      return;
    }
    if (!this.#sent && !this.#cut && this.#waitAgain()) return;
    const what = this.#cut
      ? `The authorization server did not answer (${this.#cut.message})`
      : 'The connection to the authorization server broke before its answer was through';
    if (this.#sent) this.#later('error', `${what}; ${UNKNOWN}`);
    else this.#later('error', 'The authorization server cannot be reached right now');
  }

  /** Nothing is under way any more; what was learned of the server has been noted. False when it was over before. */
  #leaveServer(): boolean {
    if (!this.#dispatched) return false;
    this.#dispatched = false;
    this.#cancelDeadline();
    this.#context.throttle.ended();
    return !this.#ended;
  }

  /** The refresh was certainly not done: waits for another turn, at the head of the queue. */
  #waitAgain(): boolean {
    if (this.#attempts >= MAX_ATTEMPTS || !this.#ticket) return false;
    this.#flight.unsent();
    if (!this.#ended) this.#ticket.giveBack();
    return true;
  }

  #land(verdict: RefreshVerdict, body: Buffer): void {
    if (!verdict.pass) {
      const page = verdict.outcome === 'throttled' ? 'is busy' : `answered ${this.#status}`;
      const doubt = verdict.outcome === 'throttled' ? '' : `; ${UNKNOWN}`;
      this.#later(verdict.outcome, `The authorization server ${page}${doubt}`);
      return;
    }
    this.#ended = true;
    const headers = responseHeaders(this.#raw);
    const answer: Theirs = { kind: 'theirs', outcome: verdict.outcome, status: this.#status, headers, body };
    this.#flight.land(answer, verdict.outcome === 'ok' ? this.#success(answer, verdict) : null);
  }

  #success(answer: Theirs, { refreshToken: next }: RefreshVerdict): Success<RefreshAnswer> {
    const { refreshToken, rest } = this.#refresh;
    const usedUp = next !== '' && next !== refreshToken;
    return {
      nextKey: usedUp && rest ? this.#context.hash.ofAll([next, ...rest]) : null,
      usedUp: usedUp ? USED_UP : null,
      keep: () => keepCopy(answer),
    };
  }

  #later(outcome: RefreshVerdict['outcome'], why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#flight.land({ kind: 'later', outcome, why }, null);
  }

  #abort(reason: Error): void {
    if (this.#cut || !this.#dispatched) return;
    this.#cut = reason;
    this.#controller?.abort(reason);
  }
}

/** A copy of its own, so that overwriting it does not reach into answers that are being sent. */
function keepCopy(answer: Theirs): Kept<RefreshAnswer> {
  const body = Buffer.from(answer.body);
  return {
    bytes: body.length + 1024,
    give: () => ({ ...answer, body: Buffer.from(body) }),
    wipe: () => void body.fill(0),
  };
}

function refusalText(why: Refusal): string {
  switch (why) {
    case 'waited-too-long':
      return 'Too many clients are refreshing their tokens right now';
    case 'queue-full':
      return 'The queue of clients refreshing their tokens is full';
    case 'sessions-full':
      return 'The authorization server is busy';
    case 'stopping':
      return 'This gateway is stopping';
  }
}
