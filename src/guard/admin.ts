/** The admin listener: metrics, health, and the levers' API. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { AllclearError, toAllclearError } from '../kernel/index.ts';
import type { LeverDesk } from './levers/desk.ts';
import { readBody } from './plane/body.ts';
import type { PlaneContext } from './plane/context.ts';
import type { LeverChange } from './policy/lever-hold.ts';
import type { Reload } from './reload.ts';

const MAX_ADMIN_BODY = 64 * 1024;

/** What the admin listener shows and moves. */
export interface Administered {
  readonly context: PlaneContext;
  readonly desk: LeverDesk;
  readonly reload: Reload;
  /** What writes must carry as a Bearer token; '' makes the levers read-only. */
  readonly token: string;
}

export function adminListener(administered: Administered): RequestListener {
  return (req, res) => {
    serve(administered, req, res).catch((error: unknown) => sendError(res, error));
  };
}

async function serve(administered: Administered, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { context } = administered;
  const target = req.url ?? '/';
  const path = URL.parse(target, 'http://guard')?.pathname ?? target;
  if (req.method === 'GET' || req.method === 'HEAD') {
    // Any Host may read these: runbooks name the server they were written for.
    if (path === '/metrics') {
      const exposition = await context.metrics.text();
      res.writeHead(200, { 'content-type': context.metrics.contentType }).end(exposition);
      return;
    }
    if (path === '/healthz') {
      send(res, 200, { status: 'ok' });
      return;
    }
    if (path === '/readyz') {
      const missing = unreadiness(context);
      send(res, missing === null ? 200 : 503, { status: missing ?? 'ready' });
      return;
    }
  }
  if (path === '/levers' || path.startsWith('/levers/')) {
    await serveLevers(administered, req, res, decoded(path.slice('/levers'.length + 1)));
    return;
  }
  if (path === '/reload' && req.method === 'POST') {
    authorize(administered.token, req);
    send(res, 200, await administered.reload('POST /reload'));
    return;
  }
  throw new AllclearError('E_NOT_FOUND', {
    what: `there is nothing at ${path.slice(0, 200)}`,
    next: 'This listener serves /metrics, /healthz, /readyz, /levers and (POST) /reload; MCP traffic goes to the other one.',
  });
}

/** What is missing before traffic can be served, or null. */
function unreadiness({ upstreams, authUp, draining }: PlaneContext): string | null {
  if (draining) return 'it is about to stop';
  if (!upstreams.available) return 'no upstream accepts connections';
  return authUp() ? null : 'the authorization server does not accept connections';
}

async function serveLevers(
  { context, desk: levers, token }: Administered,
  req: IncomingMessage,
  res: ServerResponse,
  name: string,
): Promise<void> {
  if (req.method === 'GET' || req.method === 'HEAD') {
    // A web page that rebinds its name to this address must not read who holds what.
    if (!isSafeHost(req.headers.host)) authorize(token, req);
    send(res, 200, name === '' ? { levers: levers.list() } : levers.get(name));
    return;
  }
  authorize(token, req);
  const body = await readJson(req, res, context.budget);
  if (req.method === 'POST' && name === 'release') {
    send(res, 200, { levers: await levers.release(text(body, 'incident'), text(body, 'actor')) });
  } else if (req.method === 'PUT' && name !== '') {
    send(res, 200, await levers.set(name, readChange(body)));
  } else if (req.method === 'DELETE' && name !== '') {
    send(res, 200, await levers.reset(name, text(body, 'actor')));
  } else {
    throw new AllclearError('E_USAGE', {
      what: `${req.method} is not served here`,
      next: 'GET /levers lists; PUT /levers/NAME sets; DELETE /levers/NAME resets; POST /levers/release gives back.',
    });
  }
}

/** @throws AllclearError `E_BAD_VALUE` when it is not percent-encoded UTF-8 */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new AllclearError('E_BAD_VALUE', {
      what: `"${name.slice(0, 100)}" is no name of a lever`,
      next: 'Encode it for a URL: TOOL_TIMEOUT_SECONDS%5Bsearch%5D.',
    });
  }
}

function readChange(body: Readonly<Record<string, unknown>>): LeverChange {
  const { ttlSeconds, value } = body;
  if (ttlSeconds !== undefined && typeof ttlSeconds !== 'number')
    throw badField('ttlSeconds', 'a number of seconds');
  if (typeof value !== 'string' && typeof value !== 'number') throw badField('value', 'a text or a number');
  const incident = body['incident'] ?? null;
  if (incident !== null && typeof incident !== 'string') throw badField('incident', 'a text or null');
  return {
    value: String(value),
    ttlSeconds,
    reason: text(body, 'reason'),
    actor: text(body, 'actor'),
    incident,
  };
}

function text(body: Readonly<Record<string, unknown>>, field: string): string {
  const value = body[field];
  if (typeof value !== 'string') throw badField(field, 'a text');
  return value;
}

function badField(field: string, accepted: string): AllclearError {
  return new AllclearError('E_BAD_VALUE', {
    what: `the field "${field}" is missing or of the wrong kind`,
    next: `It takes ${accepted}.`,
  });
}

function authorize(token: string, req: IncomingMessage): void {
  if (token === '') {
    throw new AllclearError('E_UNAUTHORIZED', {
      what: 'this guard was started without a token, so its levers are read-only',
      next: 'Start it with ALLCLEAR_GUARD_TOKEN set, and send the same token.',
    });
  }
  const given = /^Bearer +(.+)$/i.exec(req.headers.authorization ?? '')?.[1] ?? '';
  // Hashes have one length, so the comparison takes the same time whatever was sent.
  if (timingSafeEqual(digest(given), digest(token))) return;
  throw new AllclearError('E_UNAUTHORIZED', {
    what: given === '' ? 'the token is missing' : 'the token is wrong',
    next: 'Set ALLCLEAR_GUARD_TOKEN to the token that the guard was started with.',
  });
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}

function readJson(
  req: IncomingMessage,
  res: ServerResponse,
  budget: PlaneContext['budget'],
): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    readBody(
      req,
      res,
      budget,
      (result) => {
        if (result.kind !== 'whole') {
          reject(
            new AllclearError('E_FILE_TOO_LARGE', {
              what: 'the body is too large',
              next: `At most ${MAX_ADMIN_BODY} bytes are read.`,
            }),
          );
          return;
        }
        const parsed = parseObject(result.body);
        if (parsed) resolve(parsed);
        else
          reject(
            new AllclearError('E_BAD_VALUE', {
              what: 'the body is not a JSON object',
              next: 'Send an object, for example {"value":"50","ttlSeconds":900,"reason":"…","actor":"…"}.',
            }),
          );
      },
      MAX_ADMIN_BODY,
    );
  });
}

function parseObject(body: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8') || '{}');
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** DNS rebinding needs a name of the attacker's: addresses and localhost are safe. */
function isSafeHost(host: string | undefined): boolean {
  const name = (host ?? '').replace(/:\d*$/, '').replace(/^\[|\]$/g, '');
  return name === '' || name === 'localhost' || isIP(name) !== 0;
}

function send(res: ServerResponse, status: number, body: unknown): void {
  res
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(body));
}

function sendError(res: ServerResponse, thrown: unknown): void {
  if (res.headersSent) return;
  const error = toAllclearError(thrown);
  // Part of the request may be unread: no further one can come on this connection.
  res.shouldKeepAlive = false;
  send(res, error.httpStatus, {
    error: { code: error.code, message: error.message, next: error.details.next },
  });
}
