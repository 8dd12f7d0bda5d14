/** One client's token refresh: gets an answer of its own, or shares somebody's. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RefreshOutcome } from '../policy/refresh-answer.ts';
import type { Rider, Seat, Share } from '../policy/refresh-desk.ts';
import type { RefreshRequest } from '../policy/refresh-request.ts';
import { sendLater } from './auth-answers.ts';
import type { AuthContext, RefreshAnswer } from './auth-context.ts';
import { RefreshFlight } from './auth-flight.ts';
import { requestHeaders } from './headers.ts';
import { originForm } from './path.ts';

/** Clients give a whole MCP request 60 s (the official SDKs), of which a refresh is a part. */
const PATIENCE_MS = 30_000;

export class Refresh implements Rider<RefreshAnswer> {
  readonly #context: AuthContext;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #startedAt: number;
  #seat: Seat | null = null;
  #cancelPatience: () => void = () => {};
  #settled = false;

  constructor(context: AuthContext, req: IncomingMessage, res: ServerResponse) {
    this.#context = context;
    this.#req = req;
    this.#res = res;
    this.#startedAt = context.clock.monotonic();
  }

  start(refresh: RefreshRequest, body: Buffer): void {
    const { desk, hash, clock } = this.#context;
    this.#res.once('close', () => this.#clientClosed());
    this.#cancelPatience = clock.after(PATIENCE_MS, () => this.#tooLate());
    const { refreshToken, rest } = refresh;
    const named = { key: rest && hash.ofAll([refreshToken, ...rest]), token: hash.of(refreshToken) };
    this.#seat = desk.enter(named, this, (flight) => {
      const headers = plainAnswer(requestHeaders(this.#req));
      const outgoing = { path: originForm(this.#req.url!), headers, body };
      const one = new RefreshFlight(this.#context, flight, refresh, outgoing);
      one.start();
      return () => one.giveUp();
    });
  }

  landed(answer: RefreshAnswer, share: Share): void {
    this.#settle(answer.outcome);
    if (share !== 'own') this.#context.metrics.refreshCoalesced();
    if (answer.kind === 'later') {
      sendLater(this.#context, this.#req, this.#res, answer.why, this.#context.throttle.heldSeconds);
      return;
    }
    if (this.#res.destroyed) return;
    this.#res.writeHead(answer.status, [...answer.headers]);
    this.#res.end(answer.body);
  }

  #tooLate(): void {
    if (this.#settled) return;
    this.#settle('error');
    this.#seat?.leave();
    const why =
      'The authorization server has not answered yet; whether the refresh token has been used up is unknown';
    sendLater(this.#context, this.#req, this.#res, why);
  }

  #clientClosed(): void {
    if (this.#settled) return;
    this.#settle('abandoned');
    this.#seat?.leave();
  }

  #settle(outcome: RefreshOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancelPatience();
    const { metrics, clock } = this.#context;
    metrics.refreshEnded(outcome, (clock.monotonic() - this.#startedAt) / 1000);
  }
}

/** The answer is read here and may go to several clients: it comes without a content coding. */
function plainAnswer(headers: readonly string[]): string[] {
  const out: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index]!.toLowerCase() !== 'accept-encoding') out.push(headers[index]!, headers[index + 1]!);
  }
  return out;
}
