import { StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import type { FailureKind } from './fleet-tally.ts';

const REQUEST_TIMEOUT: number = ErrorCode.RequestTimeout;
const REFUSED = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);
const TIMEOUT = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);

/** Which kind of failure a client met, from what the SDK or the network layer threw. */
export function failureKind(error: unknown): FailureKind {
  if (error instanceof McpError) return error.code === REQUEST_TIMEOUT ? 'timeouts' : 'errors';
  if (error instanceof StreamableHTTPError)
    return error.code === 503 || error.code === 429 ? 'rejected' : 'errors';
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
    if (REFUSED.has(code)) return 'refused';
    if (TIMEOUT.has(code)) return 'timeouts';
  }
  return 'errors';
}
