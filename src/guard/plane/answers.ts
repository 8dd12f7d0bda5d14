/** What the guard itself answers on the traffic listener, in the protocol's terms. */
import { idText, type Message } from '../policy/message.ts';
import type { Reply } from './reply.ts';

/** JSON-RPC codes as the official SDK uses them on this transport. -32020 to -32023 are reserved by the protocol. */
const SERVER_ERROR = -32000;
const SESSION_NOT_FOUND = -32001;

export interface Refused {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  /** Whole seconds. */
  readonly retryAfter?: number;
}

/** The SDK's own words: on this a client must initialize again. */
export const sessionNotFound: Refused = {
  status: 404,
  code: SESSION_NOT_FOUND,
  message: 'Session not found',
};

/** What is said of a session that nobody holds; the words are the SDK's. */
export const denials = {
  unknown: sessionNotFound,
  'not-offered': { status: 405, code: SERVER_ERROR, message: 'Method not allowed.' },
} satisfies Record<string, Refused>;

/** The connection to the server broke in the middle of a call. */
export const brokenOff: Refused = {
  status: 502,
  code: SERVER_ERROR,
  message: 'The connection to the MCP server broke before it answered; whether it did the work is unknown',
};

/** No server that could take the request can be reached. @param retryAfter whole seconds */
export function unavailable(retryAfter: number): Refused {
  return refused(503, `The MCP server cannot be reached right now; try again in ${retryAfter} s`, retryAfter);
}

/** A refusal with the SDK's general code. */
export function refused(status: number, message: string, retryAfter?: number): Refused {
  return { status, code: SERVER_ERROR, message, retryAfter };
}

/**
 * Sends a JSON-RPC error body. Does nothing when an answer has begun or the client is gone.
 *
 * Overload and outage are always 503 or 502: on any other answer to `server/discover` that is no discovery, be
 * it 429 or an error within 200, a client that negotiates takes the server for one of the older era.
 * @param id the id of the request that is refused, where it is known
 */
export function sendRefusal(
  res: Reply,
  { status, code, message, retryAfter }: Refused,
  id: Message['id'] = null,
): void {
  if (res.headersSent || res.destroyed) return;
  const body = `{"jsonrpc":"2.0","error":${JSON.stringify({ code, message })},"id":${idText(id)}}`;
  const headers: Record<string, string | number> = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  if (retryAfter !== undefined) headers['retry-after'] = retryAfter;
  res.writeHead(status, headers);
  res.end(body);
}
