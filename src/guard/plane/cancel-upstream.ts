/** Tells a server of the older era that a request is given up: a dropped connection does not say that there. */
import type { IncomingMessage } from 'node:http';
import { idText, type RequestId } from '../policy/message.ts';
import type { Upstream } from '../policy/upstreams.ts';
import type { PlaneContext } from './context.ts';
import { requestHeaders } from './headers.ts';
import { upstreamPath } from './path.ts';

/** These describe the body of the request that is given up. */
const OF_THE_BODY = new Set(['content-type', 'content-encoding', 'content-digest', 'digest']);

const NOBODY_LISTENS = {
  onRequestStart: () => {},
  onResponseStart: () => {},
  onResponseData: () => {},
  onResponseEnd: () => {},
  onResponseError: () => {},
};

/** Sends `notifications/cancelled` with the request's own session, credentials and version. Failures do not matter. */
export function cancelUpstream(
  context: PlaneContext,
  upstream: Upstream,
  req: IncomingMessage,
  requestId: RequestId,
  reason: string,
): void {
  const flat = requestHeaders(req);
  const headers = ['content-type', 'application/json'];
  for (let index = 0; index < flat.length; index += 2) {
    if (!OF_THE_BODY.has(flat[index]!.toLowerCase())) headers.push(flat[index]!, flat[index + 1]!);
  }
  const params = `{"requestId":${idText(requestId)},"reason":${JSON.stringify(reason)}}`;
  const body = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`;
  const path = upstreamPath(upstream, req.url!);
  context.fleet
    .connections(upstream)
    ?.calls.dispatch({ method: 'POST', path, headers, body }, NOBODY_LISTENS);
}
