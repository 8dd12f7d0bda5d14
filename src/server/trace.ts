/**
 * The trace of a request: the caller's, when it sends one (W3C Trace Context, `traceparent`), else a new one. It
 * stands in the log and in answers that tell of a failure.
 */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Log } from '../kernel/index.ts';

/** Version, trace id, parent id, flags; ids of zeros are invalid. https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;

/** For Fastify's `genReqId`. */
export function traceId(request: {
  headers: Readonly<Record<string, string | string[] | undefined>>;
}): string {
  const { traceparent } = request.headers;
  const given = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined;
  return given ?? randomBytes(16).toString('hex');
}

/** 32 hexadecimal digits. */
export function traceOf(request: FastifyRequest): string {
  return request.id;
}

/** Which requests have a line in the log: none, those answered 400 or above, or all. */
export type RequestLogging = 'none' | 'errors' | 'all';

/** One line for a request that has ended: what was asked, by whom, and how it went. Never a header, body or query. */
export function logRequests(app: FastifyInstance, log: Log, which: RequestLogging): void {
  if (which === 'none') return;
  app.addHook('onResponse', async (request, reply) => {
    if (which === 'errors' && reply.statusCode < 400) return;
    log({
      event: 'request',
      trace: traceOf(request),
      method: request.method,
      // The pattern, not the path: what a caller writes there is not ours to keep.
      route: request.routeOptions.url ?? null,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      actor: request.actor?.name ?? null,
    });
  });
}
