/** The listener in front of the authorization server: picks the refreshes out, and passes the rest. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type RefreshRequest, readRefresh } from '../policy/refresh-request.ts';
import { sendLater, sendOAuthError } from './auth-answers.ts';
import type { AuthContext } from './auth-context.ts';
import { AuthPass } from './auth-pass.ts';
import { Refresh } from './auth-refresh.ts';
import { MAX_BODY_BYTES, readBody } from './body.ts';
import { hostCheck } from './host-check.ts';

/**
 * Headers that say who the client is, or that the answer depends on (CORS): RFC 9110, RFC 9449, RFC 9440, and
 * the usual names under which proxies that end mutual TLS pass the certificate on.
 */
const IDENTITY = [
  'authorization',
  'dpop',
  'oauth-client-attestation',
  'oauth-client-attestation-pop',
  'cookie',
  'origin',
  'host',
  'client-cert',
  'client-cert-chain',
  'ssl-client-cert',
  'x-ssl-cert',
  'x-ssl-client-cert',
  'x-client-cert',
  'x-forwarded-client-cert',
  'x-forwarded-tls-client-cert',
  'x-amzn-mtls-clientcert',
] as const;

const HOST_REFUSALS = {
  foreign: { status: 403, words: 'Invalid Host header: this gateway listens on loopback only' },
  several: { status: 400, words: 'There is more than one Host header' },
};

/** @param loopback the listener is bound to a loopback address, so only loopback names may reach it */
export function authListener(context: AuthContext, loopback: boolean): RequestListener {
  const check = hostCheck(loopback);
  return (req, res) => {
    res.on('error', () => {});
    const problem = check(req.headers.host);
    if (problem) {
      refuse(req, res);
      const { status, words } = HOST_REFUSALS[problem];
      sendOAuthError(req, res, status, 'invalid_request', words);
    } else if (req.method === 'GET' || req.method === 'HEAD') {
      // While a body waits to be read, nobody sees its client leave.
      req.resume();
      new AuthPass(context, req, res).start(null);
    } else readAndServe(context, req, res);
  };
}

function readAndServe(context: AuthContext, req: IncomingMessage, res: ServerResponse): void {
  readBody(req, res, context.budget, (result) => {
    if (result.kind === 'too-large') {
      refuse(req, res);
      sendOAuthError(req, res, 413, 'invalid_request', `A body must not exceed ${MAX_BODY_BYTES} bytes`);
    } else if (result.kind === 'no-memory') {
      refuse(req, res);
      sendLater(context, req, res, 'This gateway holds as many request bodies as it may');
    } else if (result.kind === 'whole') {
      const { body } = result;
      const refresh = req.method === 'POST' ? refreshIn(req, body) : null;
      if (refresh) new Refresh(context, req, res).start(refresh, body);
      else new AuthPass(context, req, res).start(body.length === 0 ? null : body);
    }
  });
}

function refreshIn(req: IncomingMessage, body: Buffer): RefreshRequest | null {
  const { headers } = req;
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') return null;
  const identity = IDENTITY.map((name) => String(headers[name] ?? ''));
  return readRefresh({ target: req.url!, contentType: headers['content-type'] ?? '', body, identity });
}

/** The rest of the request is not wanted: no further request can come on this connection. */
function refuse(req: IncomingMessage, res: ServerResponse): void {
  res.shouldKeepAlive = false;
  req.resume();
}
