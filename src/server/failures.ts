/** What a request that fails is answered: `{error: {code, what, next}}`, and nothing about the inside. */
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  AllclearError,
  type ErrorCode,
  type ErrorDetails,
  type Log,
  oneLine,
  systemCode,
  toAllclearError,
} from '../kernel/index.ts';
import type { KnownRoutes } from './known-routes.ts';
import { traceOf } from './trace.ts';

/** Seconds after which a client may ask again when the server is overloaded or the store away. */
const RETRY_AFTER = 5;
const MAX_TEXT = 500;

export const errorBody = z.object({
  error: z.object({
    code: z.string().describe('As in docs/errors.md'),
    what: z.string().describe('What happened, in one sentence'),
    next: z.string().optional().describe('What to do next'),
    trace: z.string().optional().describe("The trace id under which the server's log has more"),
  }),
});

/** For a request whose address cannot be read: it never comes to a route. */
export function answerUnreadable(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const tooLong = systemCode(thrown) === 'FST_ERR_MAX_PARAM_LENGTH';
  void answer(reply, tooLong ? notFound(request) : malformed('the address cannot be read'), request);
}

/** For what is no HTTP: one answer on the bare connection, which then ends. */
export function answerNoHttp(error: Error, socket: Duplex): void {
  if (systemCode(error) === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const slow = systemCode(error) === 'ERR_HTTP_REQUEST_TIMEOUT';
  const large = systemCode(error) === 'HPE_HEADER_OVERFLOW';
  const status = slow
    ? '408 Request Timeout'
    : large
      ? '431 Request Header Fields Too Large'
      : '400 Bad Request';
  const what = slow
    ? 'the request came in too slowly'
    : large
      ? 'the headers are too large'
      : 'this is no HTTP';
  const body = JSON.stringify({ error: { code: 'E_USAGE', what } });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/**
 * Every other way in which a request can fail ends here.
 * @param failed told the code of each
 */
export function answerFailures(
  app: FastifyInstance,
  known: KnownRoutes,
  log: Log,
  failed: (code: string) => void,
): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = translate(thrown);
    if (error.httpStatus >= 500) log(failure(error, request));
    failed(error.code);
    return answer(reply, error, request);
  });
  app.setNotFoundHandler((request, reply) => {
    const allowed = known.methodsOf(request.url);
    if (allowed.length > 0) void reply.header('allow', allowed.join(', '));
    return answer(reply, allowed.length > 0 ? wrongMethod(request, allowed) : notFound(request), request);
  });
}

function answer(reply: FastifyReply, error: AllclearError, request: FastifyRequest): FastifyReply {
  const status = error.httpStatus;
  if (status === 401 && wantsPage(request))
    return reply.redirect(`/login?return-to=${encodeURIComponent(request.url)}`, 303);
  if (status === 401) void reply.header('www-authenticate', 'Bearer realm="allclear"');
  if (status === 503 || status === 429)
    void reply.header('retry-after', error.details.retryAfterSeconds ?? RETRY_AFTER);
  // Half of the body may still be on its way: the connection cannot be used again.
  if (status === 413) void reply.header('connection', 'close');
  return reply.status(status).send(bodyOf(error, traceOf(request)));
}

/** A person's browser: JSON is no answer to it. */
function wantsPage({ method, headers, routeOptions }: FastifyRequest): boolean {
  const page = routeOptions.config?.page === true && method === 'GET';
  return page && headers.accept?.includes('text/html') === true;
}

/** @param trace stands in answers that are the server's own fault */
export function bodyOf(error: AllclearError, trace: string): z.infer<typeof errorBody> {
  const { what, next } = error.details;
  const own = error.code === 'E_INTERNAL';
  return {
    error: {
      code: error.code,
      what: own ? 'Allclear itself failed' : oneLine(what, MAX_TEXT),
      next: own
        ? 'Look for the trace in the log of the server, and report it.'
        : next && oneLine(next, MAX_TEXT),
      ...(error.httpStatus >= 500 && { trace }),
    },
  };
}

const FORM = 'See /openapi.json for the form of this request.';
const notJson = { code: 'E_USAGE', details: { what: 'the body is not JSON', next: FORM } } as const;

/** What Fastify's own errors are called here. */
const ofFastify: Readonly<Record<string, { code: ErrorCode; details: ErrorDetails }>> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: notJson,
  FST_ERR_CTP_INVALID_JSON_BODY: notJson,
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: notJson,
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: 'E_FILE_TOO_LARGE',
    details: { what: 'the body is larger than the limit', next: 'Send less at once.' },
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'E_MEDIA_TYPE',
    details: {
      what: 'the body is of a kind that is not taken here',
      next: 'Send JSON, with Content-Type: application/json.',
    },
  },
};

/** Fastify's own errors, and those of Node, as ours. */
function translate(thrown: unknown): AllclearError {
  if (thrown instanceof AllclearError) return thrown;
  if (hasZodFastifySchemaValidationErrors(thrown)) {
    const [first] = thrown.validation;
    const path = (first?.instancePath ?? '').replaceAll('/', '.');
    const place = `${thrown.validationContext ?? 'request'}${path === '.' ? '' : path}`;
    return new AllclearError('E_USAGE', {
      what: `${place}: ${first?.message ?? 'not of the expected form'}`,
      next: FORM,
      cause: thrown,
    });
  }
  const known = ofFastify[systemCode(thrown) ?? ''];
  if (known) return new AllclearError(known.code, known.details);
  const status = statusOf(thrown);
  return status >= 400 && status < 500 ? malformed('the request cannot be read') : toAllclearError(thrown);
}

function malformed(what: string): AllclearError {
  return new AllclearError('E_USAGE', { what, next: FORM });
}

function statusOf(thrown: unknown): number {
  if (thrown instanceof SyntaxError) return 400;
  if (typeof thrown !== 'object' || thrown === null || !('statusCode' in thrown)) return 500;
  return typeof thrown.statusCode === 'number' ? thrown.statusCode : 500;
}

function notFound(request: FastifyRequest): AllclearError {
  return new AllclearError('E_NOT_FOUND', {
    what: `there is nothing at ${pathOf(request)}`,
    next: 'See /openapi.json for what there is.',
  });
}

function wrongMethod(request: FastifyRequest, allowed: readonly string[]): AllclearError {
  return new AllclearError('E_METHOD', {
    what: `${pathOf(request)} does not take ${request.method}`,
    next: `It takes ${allowed.join(', ')}.`,
  });
}

function pathOf(request: FastifyRequest): string {
  return oneLine(request.url.split('?', 1)[0]!, 200);
}

function failure(error: AllclearError, request: FastifyRequest) {
  const cause = error.details.cause instanceof Error ? error.details.cause : error;
  return {
    event: 'request-failed',
    trace: traceOf(request),
    code: error.code,
    what: oneLine(error.message, 2_000),
    // Only a bug needs to be found in the source.
    stack: error.code === 'E_INTERNAL' ? cause.stack?.slice(0, 4_000) : undefined,
  };
}

const meanings: Readonly<Record<number, string>> = {
  400: 'Not of the expected form',
  401: 'No token, or a wrong one',
  403: 'The role is not enough',
  404: 'There is no such thing',
  409: 'Not possible as things are now',
  413: 'Too large',
  415: 'Not JSON',
  422: 'A value cannot be understood',
  429: 'Too many requests',
  503: 'Overloaded, or the store is away: try again',
};

/** The responses of a route for these statuses, for its schema. */
export function errors(...statuses: (keyof typeof meanings)[]): Record<number, typeof errorBody> {
  return Object.fromEntries(statuses.map((status) => [status, errorBody.describe(meanings[status]!)]));
}
