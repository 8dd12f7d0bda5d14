/** Notes the access tokens of MCP traffic, so that their expiry is known before it comes. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExpiryCalendar } from '../policy/token-expiry.ts';

const BEARER = /^bearer +/i;

/** One hash for each request with a token; more only the first time that the server accepts it. */
export function noteToken(calendar: ExpiryCalendar, req: IncomingMessage, res: ServerResponse): void {
  const { authorization } = req.headers;
  const scheme = authorization === undefined ? null : BEARER.exec(authorization);
  if (!scheme) return;
  const enter = calendar.seen(authorization!.slice(scheme[0].length));
  if (!enter) return;
  res.once('close', () => {
    if (res.headersSent && res.statusCode < 400) enter();
  });
}
