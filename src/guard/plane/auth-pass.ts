/** Everything for the authorization server that is no refresh: passes untouched. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { issuedBy } from '../policy/refresh-answer.ts';
import { sendLater, sendOAuthError } from './auth-answers.ts';
import type { AuthContext } from './auth-context.ts';
import { Exchange, type Watcher } from './exchange.ts';
import { requestHeaders, schemeOf } from './headers.ts';
import { originForm, throughGuard } from './path.ts';

/** A token answer is read for its expiry up to this size. */
const MAX_READ_BYTES = 64 * 1024;

export class AuthPass implements Watcher {
  readonly #context: AuthContext;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #exchange: Exchange;
  /** The pieces of an answer that may issue tokens; null when it cannot. */
  #answer: Buffer[] | null = null;
  #bytes = 0;

  constructor(context: AuthContext, req: IncomingMessage, res: ServerResponse) {
    this.#context = context;
    this.#req = req;
    this.#res = res;
    this.#exchange = new Exchange(res, this);
  }

  /** @param body null for a request without one */
  start(body: Buffer | null): void {
    const { fleet, upstream } = this.#context;
    this.#res.once('close', () => {
      if (!this.#res.writableFinished) this.#exchange.cut();
    });
    const pool = fleet.connections(upstream)?.calls;
    const options = {
      method: this.#req.method as 'GET',
      path: originForm(this.#req.url!),
      headers: requestHeaders(this.#req),
      body,
    };
    if (pool) pool.dispatch(options, this.#exchange);
    else sendLater(this.#context, this.#req, this.#res, 'This gateway is stopping');
  }

  answered(status: number, headers: Record<string, string | string[] | undefined>): 'pass' {
    const { fleet, upstream } = this.#context;
    fleet.alive(upstream);
    const form = /^application\/x-www-form-urlencoded\b/i.test(this.#req.headers['content-type'] ?? '');
    const json = /^application\/json\b/i.test(String(headers['content-type'] ?? ''));
    if (form && json && status === 200 && headers['content-encoding'] === undefined) this.#answer = [];
    return 'pass';
  }

  moved(location: string): string {
    return throughGuard(location, this.#context.upstream, schemeOf(this.#req));
  }

  data(chunk: Buffer): void {
    if (!this.#answer) return;
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_READ_BYTES) this.#answer = null;
    else this.#answer.push(chunk);
  }

  ended(error: Error | null, began: boolean): void {
    const { fleet, upstream, tokens } = this.#context;
    if (!error) {
      const issued = this.#answer && issuedBy(Buffer.concat(this.#answer).toString('utf8'));
      if (issued) tokens.issued(issued.accessToken, issued.seconds);
      return;
    }
    const failure = fleet.failed(upstream, error);
    if (began) this.#res.destroy();
    else if (failure === 'invalid')
      sendOAuthError(this.#req, this.#res, 400, 'invalid_request', 'It cannot be passed on as HTTP');
    else if (failure === 'broken')
      sendLater(
        this.#context,
        this.#req,
        this.#res,
        'The connection to the authorization server broke before it answered; whether it did the work is unknown',
      );
    else
      sendLater(this.#context, this.#req, this.#res, 'The authorization server cannot be reached right now');
  }
}
