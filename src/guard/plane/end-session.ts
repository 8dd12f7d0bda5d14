/** Ends sessions that nobody holds: their client left before it was told the session id. */
import type { IncomingMessage } from 'node:http';
import type { Upstream } from '../policy/upstreams.ts';
import type { PlaneContext } from './context.ts';
import { requestHeaders } from './headers.ts';
import { pathOf, upstreamPath } from './path.ts';

const NOT_FOR_DELETE = new Set([
  'content-type',
  'content-encoding',
  'accept',
  'mcp-session-id',
  'last-event-id',
]);

/** Sends the protocol's own DELETE, with the credentials the session was made with. Failures do not matter. */
export function endSession(
  context: PlaneContext,
  upstream: Upstream,
  id: string,
  req: IncomingMessage,
): void {
  const flat = requestHeaders(req);
  const headers = ['mcp-session-id', id];
  for (let index = 0; index < flat.length; index += 2) {
    if (!NOT_FOR_DELETE.has(flat[index]!.toLowerCase())) headers.push(flat[index]!, flat[index + 1]!);
  }
  const path = upstreamPath(upstream, pathOf(req.url!));
  context.fleet.connections(upstream)?.handshakes.dispatch(
    { method: 'DELETE', path, headers, body: null },
    {
      onRequestStart: () => {},
      onResponseStart: () => {},
      onResponseData: () => {},
      onResponseEnd: () => {},
      onResponseError: () => {},
    },
  );
}
