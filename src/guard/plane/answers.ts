/** What the guard itself answers on the traffic listener, in the protocol's terms. */
import type { ServerResponse } from 'node:http';

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

/** A refusal with the SDK's general code. */
export function refused(status: number, message: string, retryAfter?: number): Refused {
  return { status, code: SERVER_ERROR, message, retryAfter };
}

/** Sends a JSON-RPC error body without an id. Does nothing when an answer has begun or the client is gone. */
export function sendRefusal(res: ServerResponse, { status, code, message, retryAfter }: Refused): void {
  if (res.headersSent || res.destroyed) return;
  const body = JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null });
  const headers: Record<string, string | number> = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  if (retryAfter !== undefined) headers['retry-after'] = retryAfter;
  res.writeHead(status, headers);
  res.end(body);
}
