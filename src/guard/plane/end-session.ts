/** Ends sessions at their upstream: those that nobody holds, and those that there are too many of. */
import type { IncomingMessage } from 'node:http';
import type { Session } from '../policy/sessions.ts';
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

/** Sends the protocol's own DELETE, with the credentials of its client's request. Failures do not matter. */
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
  sendDelete(context, upstream, upstreamPath(upstream, pathOf(req.url!)), headers, () => {});
}

/**
 * Ends sessions beyond the bound: their streams end, their next request is told that the session is gone, and
 * the upstream is sent DELETE. The guard holds no credentials: an upstream that wants some gets the DELETE when
 * the client shows up with its own.
 */
export function endSurplus(context: PlaneContext): void {
  for (const session of context.sessionRoom.surplus()) endIdle(context, session);
}

function endIdle(context: PlaneContext, session: Session): void {
  const { upstream, id } = session;
  context.streams.endOf(session);
  sendDelete(context, upstream, upstreamPath(upstream, session.path), ['mcp-session-id', id], (status) => {
    if (status === 401 || status === 403) context.sessions.owe(id, upstream);
  });
}

function sendDelete(
  context: PlaneContext,
  upstream: Upstream,
  path: string,
  headers: string[],
  answered: (status: number) => void,
): void {
  context.fleet.connections(upstream)?.handshakes.dispatch(
    { method: 'DELETE', path, headers, body: null },
    {
      onRequestStart: () => {},
      onResponseStart: (_controller, status) => answered(status),
      onResponseData: () => {},
      onResponseEnd: () => {},
      onResponseError: () => {},
    },
  );
}
