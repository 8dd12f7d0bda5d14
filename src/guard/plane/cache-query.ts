/**
 * What of a request's HTTP side makes it the same as another one, and who asks.
 *
 * The protocol names the method and its params. Of the headers, those that name a connection, a hop, a trace or a
 * program are left out; the language counts (descriptions may be translated), and so does every header that is
 * not known, because a server may look at it. Authorization and cookies say who asks, not what.
 */
import { hash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isCacheable, resultKey } from '../policy/cacheable.ts';
import type { Message } from '../policy/message.ts';
import type { Query } from '../policy/result-cache.ts';
import type { Sharing } from '../policy/sharing.ts';

/** A longer request is not worth remembering. */
const MAX_REQUEST_BYTES = 64 * 1024;

const WHO = new Set(['authorization', 'cookie']);
const WITHOUT_EFFECT = new Set([
  'accept',
  'accept-encoding',
  'baggage',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'dnt',
  'expect',
  'forwarded',
  'host',
  'keep-alive',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'pragma',
  'priority',
  'proxy-authorization',
  'proxy-connection',
  'referer',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'te',
  'traceparent',
  'tracestate',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'via',
  'x-correlation-id',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
]);

/** @returns null when the request must go to an upstream, whatever is known */
export function queryOf(
  sharing: Sharing,
  req: IncomingMessage,
  message: Message,
  bodyBytes: number,
): Query | null {
  const { headers } = req;
  if (!isCacheable(message, one(headers['mcp-protocol-version']))) return null;
  if (bodyBytes > MAX_REQUEST_BYTES || !isConsistent(headers, message) || wantsAnew(headers)) return null;
  if (!acceptsJson(headers)) return null;
  const request = resultKey(message);
  if (request === null) return null;
  const uri = message.params!['uri'];
  const key = hash('sha256', `${req.url!}\n${headersThat(headers, hasEffect)}\n${request}`, 'base64');
  const pass = sharing.passOf(headersThat(headers, isWho), key);
  return { key, pass, method: message.method, uri: typeof uri === 'string' ? uri : '' };
}

/** A response that varies by what is not in the key is for nobody else. */
export function variesOtherwise(vary: string | undefined): boolean {
  if (!vary) return false;
  const names = vary.split(',').map((name) => name.trim().toLowerCase());
  return names.some(
    (name) =>
      name === '*' || WHO.has(name) || (!hasEffect(name) && name !== 'accept' && name !== 'accept-encoding'),
  );
}

function isWho(name: string): boolean {
  return WHO.has(name);
}

function hasEffect(name: string): boolean {
  return !WITHOUT_EFFECT.has(name) && !WHO.has(name);
}

function headersThat(headers: IncomingHttpHeaders, count: (name: string) => boolean): string {
  const lines: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (count(name)) lines.push(JSON.stringify([name, value]));
  }
  return lines.toSorted().join('\n');
}

/** A server must refuse a request whose headers contradict its body; so it has to see it. */
function isConsistent(headers: IncomingHttpHeaders, message: Message): boolean {
  if (headers['mcp-method'] !== message.method) return false;
  if (message.method !== 'resources/read') return true;
  return decoded(one(headers['mcp-name'])) === message.params!['uri'];
}

/** Values that are no plain header text come as `=?base64?…?=`. */
function decoded(value: string | undefined): string | undefined {
  const encoded = value === undefined ? null : /^=\?base64\?([A-Za-z0-9+/=]*)\?=$/.exec(value);
  return encoded ? Buffer.from(encoded[1]!, 'base64').toString('utf8') : value;
}

function wantsAnew(headers: IncomingHttpHeaders): boolean {
  const said = `${headers['cache-control'] ?? ''},${one(headers.pragma) ?? ''}`;
  return /\bno-(?:cache|store)\b/i.test(said);
}

/** What others have received is given as JSON. */
function acceptsJson({ accept }: IncomingHttpHeaders): boolean {
  return accept === undefined || /application\/(?:json|\*)|\*\/\*/i.test(accept);
}

function one(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
