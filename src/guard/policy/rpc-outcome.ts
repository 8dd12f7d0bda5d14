/** What a JSON-RPC answer says of the work: done, an error by its code, or a tool that failed. */

import { OTHER } from './labels.ts';
import { isRecord } from './message.ts';

/** OpenTelemetry's word for a tool result with `isError`. */
export const TOOL_ERROR = 'tool_error';

/** The codes that get a label of their own: JSON-RPC's, the SDKs' and those of both protocol eras. */
const KNOWN_CODES = new Set([
  -32_700, -32_600, -32_601, -32_602, -32_603, -32_000, -32_001, -32_002, -32_003, -32_004, -32_020, -32_021,
  -32_022, -32_042,
]);

/**
 * The outcome of one parsed answer, or of a batch of them: the first that is no success.
 * @returns '' for success, and for whatever is no answer; else a value of the label `error_type`:
 * the code as a text (`_OTHER` for unknown ones), or `tool_error`
 */
export function rpcOutcome(answer: unknown): string {
  if (Array.isArray(answer)) return answer.map(rpcOutcome).find((one) => one !== '') ?? '';
  if (!isRecord(answer)) return '';
  const { error, result } = answer;
  if (isRecord(error)) return codeLabel(error['code']);
  return isRecord(result) && result['isError'] === true ? TOOL_ERROR : '';
}

/** A JSON-RPC error code as a label; there are as many as the protocol names, and one for the rest. */
export function codeLabel(code: unknown): string {
  return typeof code === 'number' && KNOWN_CODES.has(code) ? String(code) : OTHER;
}
