/**
 * Which requests and results of the stateless era may be shared, as the protocol says
 * (specification 2026-07-28, server/utilities/caching):
 *
 * - Six methods have cacheable results. A result is identified by the method and the params that affect it.
 * - `cacheScope: "public"` may be given to anybody, `private` only within one authorization: that is left to clients.
 * - A result is fresh for `ttlMs` after it was received; later it may be given only when fetching anew fails.
 * - Interim results (`resultType: "input_required"`), and requests that continue one (`requestState`,
 *   `inputResponses`), are never cached; nor are tasks, errors, and anything of the older era.
 */

import { DISCOVER } from './eras.ts';
import { membersOf, type Span, skipSpace } from './json-members.ts';
import { idText, isStateless, type Message, type RequestId } from './message.ts';

const METHODS = new Set([
  DISCOVER,
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);

/** As the official SDK's client does: no server pins a result for longer. */
const MAX_TTL_MS = 24 * 60 * 60 * 1000;

/** Params of requests whose results hang on what went before. */
const CONTINUING = ['requestState', 'inputResponses', 'task'];
/** Members of `_meta` that name one request or its trace, and cannot change the result. */
const VOLATILE_META = new Set(['progressToken', 'traceparent', 'tracestate', 'baggage']);

/** Whether the result of this request may be shared at all. The headers must still be looked at. */
export function isCacheable(message: Message, versionHeader: string | undefined): boolean {
  if (message.kind !== 'request' || !METHODS.has(message.method) || message.id === null) return false;
  if (message.version === '' || message.version !== versionHeader) return false;
  if (!isStateless(message, versionHeader)) return false;
  return !CONTINUING.some((name) => name in message.params!);
}

/**
 * What identifies the result, apart from where it was asked for. Everything counts that is not known to be
 * without effect: the protocol version, the client's capabilities and its name (servers adapt to all
 * three), and `_meta` of other vendors.
 * @returns null for params that are nested too deeply to be written: JSON.parse reads deeper than JSON.stringify writes
 */
export function resultKey(message: Message): string | null {
  const { _meta: meta, ...params } = message.params!;
  const lasting = Object.entries(meta as object).filter(([name]) => !VOLATILE_META.has(name));
  try {
    return `${message.method}\n${JSON.stringify(lasting)}\n${JSON.stringify(params)}`;
  } catch {
    return null;
  }
}

/** A whole message with a result that may be given to others, as the server wrote it. */
export interface PublicResult {
  readonly ttlMs: number;
  /** The message without its id and its ttl, in three pieces, and which of the two comes first. */
  readonly pieces: readonly [string, string, string];
  readonly idFirst: boolean;
}

/**
 * Reads a JSON-RPC response.
 * @returns the result when it is complete and public; `private` for any other result; `error` for an
 * error and for what is no single response
 */
export function readResult(text: string): PublicResult | 'private' | 'error' {
  const message = parseObject(text);
  if (!message || !isObject(message['result'])) return 'error';
  const { resultType, cacheScope, ttlMs } = message['result'];
  if (resultType !== 'complete' || cacheScope !== 'public') return 'private';
  if (typeof ttlMs !== 'number' || !Number.isSafeInteger(ttlMs) || ttlMs < 0) return 'private';
  const members = membersOf(text, skipSpace(text, 0));
  const id = members?.get('id');
  const result = members?.get('result');
  const ttl = result && membersOf(text, result.start)?.get('ttlMs');
  if (!id || !ttl) return 'private';
  const idFirst = id.start < ttl.start;
  const [first, second]: [Span, Span] = idFirst ? [id, ttl] : [ttl, id];
  const pieces = [
    text.slice(0, first.start),
    text.slice(first.end, second.start),
    text.slice(second.end),
  ] as const;
  return { ttlMs: Math.min(ttlMs, MAX_TTL_MS), pieces, idFirst };
}

/** The message for another request: with its id, and the time for which the result is still fresh. */
export function answerText({ pieces, idFirst }: PublicResult, id: RequestId, ttlMs: number): string {
  const [first, second] = idFirst ? [idText(id), ttlMs] : [ttlMs, idText(id)];
  return `${pieces[0]}${first}${pieces[1]}${second}${pieces[2]}`;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
