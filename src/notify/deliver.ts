/** One attempt to tell one target one thing. */
import { redact } from '../engine/index.ts';
import { oneLine, systemCode } from '../kernel/index.ts';
import type { Target } from './config.ts';
import type { Notice } from './notice.ts';
import { type Failure, parseRetryAfter } from './retry.ts';
import { signatureHeaders } from './signature.ts';
import { slackMessage } from './slack.ts';

/** Answers that say "later", and not "no". */
const LATER: ReadonlySet<number> = new Set([408, 425, 429]);
/** Of an answer that refuses, as much is read, and this much shown. */
const MAX_ANSWER_BYTES = 4_096;
const MAX_ANSWER_SHOWN = 120;

/** @returns null when the target took it (any 2xx) */
export async function deliver(
  target: Target,
  notice: Notice,
  options: { readonly now: number; readonly signal: AbortSignal },
): Promise<Failure | null> {
  const body = JSON.stringify(target.kind === 'slack' ? slackMessage(notice) : notice);
  const timeout = AbortSignal.timeout(target.timeoutMs);
  try {
    const response = await fetch(target.url, {
      method: 'POST',
      body,
      headers: headersOf(target, notice, body, options.now),
      // What the target answers must not send the message and its secrets elsewhere.
      redirect: 'manual',
      signal: AbortSignal.any([timeout, options.signal]),
    });
    if (response.ok) {
      await response.body?.cancel();
      return null;
    }
    return await refusal(target, response, options.now);
  } catch (error) {
    return { error: unreachable(error, target, timeout.aborted), refused: false, retryAfterMs: null };
  }
}

function headersOf(target: Target, notice: Notice, body: string, now: number): Record<string, string> {
  return {
    ...target.headers,
    'content-type': 'application/json; charset=utf-8',
    'user-agent': 'allclear',
    'idempotency-key': notice.id,
    'webhook-id': notice.id,
    ...(target.key === null ? {} : signatureHeaders(target.key, notice.id, Math.floor(now / 1_000), body)),
  };
}

async function refusal(target: Target, response: Response, now: number): Promise<Failure> {
  const { status } = response;
  const said = oneLine(redact(await beginning(response), target.secrets), MAX_ANSWER_SHOWN);
  const redirected = status >= 300 && status < 400 ? ', a redirection, which is not followed' : '';
  return {
    error: `HTTP ${status}${redirected}${said === '' ? '' : `: ${said}`}`,
    refused: status < 500 && !LATER.has(status),
    retryAfterMs: parseRetryAfter(response.headers.get('retry-after'), now),
  };
}

/** The first bytes of the answer; '' when it is no text, or does not come. */
async function beginning(response: Response): Promise<string> {
  const type = response.headers.get('content-type') ?? '';
  if (!/^(?:text\/plain|application\/json)/i.test(type)) {
    await response.body?.cancel();
    return '';
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk as Uint8Array);
    length += (chunk as Uint8Array).length;
    if (length >= MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString('utf8');
}

function unreachable(error: unknown, target: Target, timedOut: boolean): string {
  if (timedOut) return `no answer within ${target.timeoutMs / 1_000} s`;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = systemCode(cause);
  if (code !== undefined) return `it cannot be reached (${code})`;
  const words = cause instanceof Error ? cause.message : String(cause);
  return `it cannot be reached (${oneLine(redact(words, target.secrets), MAX_ANSWER_SHOWN)})`;
}
