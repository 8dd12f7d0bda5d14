/** How tool calls end, as it is counted, and what that says of the tool. */
import type { Evidence } from './breaker.ts';

/**
 * `ok`, `tool_error` (a result with isError), `error` (a JSON-RPC error, an HTTP status, a broken connection), `timeout` (the
 * guard's deadline), `cancelled` (by the client, or it left), and what the guard refused: `rejected_breaker`,
 * `rejected_busy` (too many in progress), `rejected_retry` (beyond the retry budget).
 */
export const toolOutcomes = [
  'ok',
  'tool_error',
  'error',
  'timeout',
  'cancelled',
  'rejected_breaker',
  'rejected_busy',
  'rejected_retry',
] as const;
export type ToolOutcome = (typeof toolOutcomes)[number];

/** How a refusal counts. */
export function refusalOutcome(why: 'breaker' | 'held' | 'busy' | 'retry'): ToolOutcome {
  return why === 'held' ? 'rejected_breaker' : `rejected_${why}`;
}

export interface ToolEnd {
  readonly outcome: ToolOutcome;
  readonly evidence: Evidence;
  /**
   * What the next equal call is: `poll` after a success; `retry` after a failure; `resend` where the tool was never
   * run, as when a token had expired.
   */
  readonly again: 'poll' | 'retry' | 'resend';
}

const OK: ToolEnd = { outcome: 'ok', evidence: 'answers', again: 'poll' };
const TOOL_ERROR: ToolEnd = { outcome: 'tool_error', evidence: 'answers', again: 'retry' };
const TIMEOUT: ToolEnd = { outcome: 'timeout', evidence: 'fails', again: 'retry' };
const CANCELLED: ToolEnd = { outcome: 'cancelled', evidence: 'nothing', again: 'retry' };
const FAILED: ToolEnd = { outcome: 'error', evidence: 'fails', again: 'retry' };
const ANSWERED_ERROR: ToolEnd = { outcome: 'error', evidence: 'answers', again: 'retry' };
const TOO_MANY: ToolEnd = { outcome: 'error', evidence: 'nothing', again: 'retry' };
const REFUSED: ToolEnd = { outcome: 'error', evidence: 'nothing', again: 'resend' };

/**
 * Reads the label `error_type` of a call that passed. Transport errors and time-outs speak against a tool;
 * an answer speaks for it, also one that reports an error; HTTP 4xx concerns the caller.
 */
export function toolEnd(error: string): ToolEnd {
  switch (error) {
    case '':
      return OK;
    case 'tool_error':
      return TOOL_ERROR;
    case 'timeout':
      return TIMEOUT;
    case 'cancelled':
      return CANCELLED;
    case 'broken':
      return FAILED;
    case '429':
      return TOO_MANY;
    default:
      if (/^5\d\d$/.test(error)) return FAILED;
      return /^\d/.test(error) ? REFUSED : ANSWERED_ERROR;
  }
}
