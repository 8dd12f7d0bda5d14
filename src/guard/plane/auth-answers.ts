/** What the guard itself answers in front of an authorization server: OAuth errors (RFC 6749, 5.2). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { retryAfterSeconds } from '../policy/jitter.ts';
import type { AuthContext } from './auth-context.ts';

/**
 * "Later", in the one form on which clients keep their tokens. `temporarily_unavailable` is a known OAuth
 * error, which the official SDKs hand to the caller; `server_error`, an unknown error and a body that is no OAuth JSON
 * make them start an interactive log-in, `invalid_grant` and `invalid_client` make them delete what they have.
 * The status is 503, never 429.
 * @param leastSeconds the Retry-After is this and up to the jitter more
 */
export function sendLater(
  { levers, random }: AuthContext,
  req: IncomingMessage,
  res: ServerResponse,
  why: string,
  leastSeconds = 0,
): void {
  const seconds = Math.ceil(leastSeconds) + retryAfterSeconds(levers.values.reconnectJitterSeconds, random);
  sendOAuthError(req, res, 503, 'temporarily_unavailable', `${why}; try again in ${seconds} s`, seconds);
}

/** Does nothing when an answer has begun or the client is gone. */
export function sendOAuthError(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  error: string,
  description: string,
  retryAfter?: number,
): void {
  if (res.headersSent || res.destroyed) return;
  const body = JSON.stringify({ error, error_description: description });
  const headers: Record<string, string | number> = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  };
  if (retryAfter !== undefined) headers['retry-after'] = retryAfter;
  // A client in a browser that may not read this error would take it for a network failure, and log in again.
  if (req.headers.origin !== undefined) {
    headers['access-control-allow-origin'] = '*';
    headers['access-control-expose-headers'] = 'retry-after';
  }
  res.writeHead(status, headers);
  res.end(body);
}
