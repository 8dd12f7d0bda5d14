/** The traffic listener: reads a request's head and body, and hands it to the part that serves it. */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { DISCOVER } from '../policy/eras.ts';
import { isStateless, type Message, NO_MESSAGE, readMessage } from '../policy/message.ts';
import { isNestedTooDeeply } from '../policy/nesting.ts';
import { type Refused, refused, sendRefusal } from './answers.ts';
import { MAX_BODY_BYTES, readBody } from './body.ts';
import { queryOf } from './cache-query.ts';
import { CachedCall } from './cached-call.ts';
import { Call } from './call.ts';
import type { PlaneContext } from './context.ts';
import { hostCheck } from './host-check.ts';
import { ListenReply } from './listen-reply.ts';
import { Opening } from './opening.ts';
import type { Reply } from './reply.ts';
import { noteToken } from './tokens-seen.ts';
import { ToolBatch } from './tool-batch.ts';
import { isToolCall, noticeCancellation, ToolCall } from './tool-call.ts';

/** An encoded body cannot be read: without a session it may be an initialize, and is paced like one. */
const ENCODED: Message = { ...NO_MESSAGE, kind: 'initialize', method: 'initialize' };

const LINGER_MS = 2000;
const TOO_LARGE = refused(413, `Payload Too Large: Request body must not exceed ${MAX_BODY_BYTES} bytes`);
const TOO_DEEP = refused(400, 'Invalid Request: the body is nested too deeply');
/** Requests in a batch that calls tools: each call is weighed. */
const MAX_BATCH = 100;
const LONG_BATCH = refused(400, `Invalid Request: a batch with tool calls has at most ${MAX_BATCH} requests`);
const NO_MEMORY = refused(
  503,
  'This MCP gateway holds as many request bodies as it may; try again in 1 s',
  1,
);
const INTERNAL = refused(500, 'This MCP gateway failed at this request; whether it was passed on is unknown');
const HOST_REFUSALS = {
  foreign: refused(403, 'Invalid Host header: this MCP gateway listens on loopback only'),
  several: refused(400, 'Bad Request: there is more than one Host header'),
};

/**
 * @param loopback the listener is bound to a loopback address, so only loopback names may reach it: this
 * is what keeps web pages out (DNS rebinding), since the upstream sees its own Host.
 */
export function trafficListener(context: PlaneContext, loopback: boolean): RequestListener {
  const check = hostCheck(loopback);
  return (req, res) => {
    res.on('error', ignore);
    const problem = check(req.headers.host);
    if (problem) {
      refuse(context, req, res, HOST_REFUSALS[problem]);
      return;
    }
    // The last answer on its connection, which would otherwise be kept for the next request.
    if (context.draining) res.shouldKeepAlive = false;
    noteToken(context.tokens, req, res);
    if (req.method === 'GET' || req.method === 'HEAD') {
      // A body, which means nothing here, is thrown away: while one waits to be read, nobody sees its client leave.
      req.resume();
      new Call(context, req, res, null, NO_MESSAGE).start();
    } else readAndServe(context, req, res);
  };
}

/** A write to a client that has gone. */
function ignore(): void {}

function readAndServe(context: PlaneContext, req: IncomingMessage, res: ServerResponse): void {
  readBody(req, res, context.budget, (result) => {
    if (result.kind === 'too-large') refuse(context, req, res, TOO_LARGE);
    else if (result.kind === 'no-memory') refuse(context, req, res, NO_MEMORY);
    else if (result.kind === 'whole') attempt(context, req, res, result.body);
  });
}

/** What nobody has foreseen in a request is the end of that request, and not of all others. */
function attempt(context: PlaneContext, req: IncomingMessage, res: ServerResponse, body: Buffer): void {
  try {
    serve(context, req, res, body);
  } catch (error) {
    context.requestLog.unforeseen(error);
    sendRefusal(res, INTERNAL);
  }
}

function serve(context: PlaneContext, req: IncomingMessage, res: ServerResponse, body: Buffer): void {
  if (isNestedTooDeeply(body)) {
    sendRefusal(res, TOO_DEEP);
    return;
  }
  const message = req.method === 'POST' ? messageOf(req, body) : NO_MESSAGE;
  if (isToolCall(message)) {
    new ToolCall(context, req, res, body, message).start();
    return;
  }
  if (message.requests !== undefined) {
    serveBatch(context, req, res, body, message);
    return;
  }
  if (message.kind === 'one-way') noticeCancellation(context, req, message);
  const query = context.sharing && queryOf(context.sharing, req, message, body.length);
  if (query) new CachedCall(context, req, res, body, message, query).start();
  else if (message.kind === 'initialize' || message.method === DISCOVER)
    open(context, req, res, body, message);
  else {
    const reply = message.method === 'subscriptions/listen' ? listening(context, res) : res;
    new Call(context, req, reply, body.length === 0 ? null : body, message).start();
  }
}

/** What the stream says of changes empties the cache of what they make wrong. */
function listening({ sharing }: PlaneContext, res: ServerResponse): Reply {
  if (!sharing) return res;
  return new ListenReply(res, sharing.listen());
}

function open(
  context: PlaneContext,
  req: IncomingMessage,
  res: ServerResponse,
  body: Buffer,
  message: Message,
): void {
  const id = req.headers['mcp-session-id'];
  // A discover is of the newer era, where the header means nothing.
  const known =
    typeof id === 'string' && message.kind === 'initialize' ? context.sessions.use(id) : undefined;
  new Opening(context, req, res, body, message, known?.upstream ?? null).start();
}

function serveBatch(
  context: PlaneContext,
  req: IncomingMessage,
  res: ServerResponse,
  body: Buffer,
  message: Message,
): void {
  if (message.requests!.length > MAX_BATCH) sendRefusal(res, LONG_BATCH);
  else new ToolBatch(context, req, res, body, message).start();
}

/** An encoded body is not read: what the headers say has to do, which in the newer era is all we need. */
function messageOf(req: IncomingMessage, body: Buffer): Message {
  const { 'content-encoding': encoding, 'mcp-method': method, 'mcp-name': name } = req.headers;
  if (encoding === undefined || encoding === 'identity') return readMessage(body);
  const version = req.headers['mcp-protocol-version'];
  if (typeof method === 'string' && isStateless(NO_MESSAGE, String(version ?? ''))) {
    const tool = method === 'tools/call' && typeof name === 'string' ? name : '';
    return { ...NO_MESSAGE, kind: 'request', method, tool };
  }
  return req.headers['mcp-session-id'] === undefined ? ENCODED : NO_MESSAGE;
}

/**
 * Answers before the request is read. What still comes is thrown away for a while: closing at once would reset
 * the connection, and the answer with it.
 */
function refuse(context: PlaneContext, req: IncomingMessage, res: ServerResponse, refusal: Refused): void {
  const cancel = context.clock.after(LINGER_MS, () => req.socket.destroy());
  req.once('end', cancel);
  req.once('close', cancel);
  req.resume();
  sendRefusal(res, refusal);
}
