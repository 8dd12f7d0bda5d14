/** Tool results that the guard itself gives, in either era and in the form that the client accepts. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { idText, type RequestId } from '../policy/message.ts';

/**
 * A result that the agent reads as the tool's own failure. Clients of the stateless era want `resultType`; those of
 * the older one ignore it, but were never promised it.
 */
export function toolFailure(id: RequestId, text: string, stateless: boolean): string {
  const result = { content: [{ type: 'text', text }], isError: true };
  const whole = stateless ? { resultType: 'complete', ...result } : result;
  return `{"jsonrpc":"2.0","id":${idText(id)},"result":${JSON.stringify(whole)}}`;
}

/** An answer as the event of a stream. */
export function asEvent(answer: string): string {
  return `event: message\ndata: ${answer}\n\n`;
}

/** Sends a JSON-RPC answer with HTTP 200. Does nothing when an answer has begun or the client is gone. */
export function sendAnswer(req: IncomingMessage, res: ServerResponse, answer: string): void {
  if (res.headersSent || res.destroyed) return;
  const stream = wantsEventStream(req.headers.accept);
  const body = stream ? asEvent(answer) : answer;
  res.writeHead(200, {
    'content-type': stream ? 'text/event-stream' : 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  res.end(body);
}

/** Clients should accept both, and then get JSON; one that takes event streams only gets one. */
function wantsEventStream(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const types = accept.toLowerCase();
  return types.includes('text/event-stream') && !/application\/(json|\*)|\*\/\*/.test(types);
}
