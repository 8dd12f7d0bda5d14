/** Which headers cross the guard. Lists are flat: name, value, name, value. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

type ReadHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** RFC 9110, 7.6.1: these belong to one connection and are not passed on. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Not passed on either: the upstream gets its own Host, the length of the body we send, and no 100-continue round. */
const NOT_FOR_UPSTREAM = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'expect',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
]);

/** A header that is sent once. */
export function headerText(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Whether something may be added at the end of a body that came with these headers. */
export function canGrow(headers: Readonly<Record<string, string | string[] | undefined>>): boolean {
  return headers['content-length'] === undefined && headers['content-encoding'] === undefined;
}

export function isEventStream(contentType: string | string[] | undefined): boolean {
  return String(contentType ?? '').startsWith('text/event-stream');
}

/** The request's headers for the upstream, with X-Forwarded-*; everything else untouched. */
export function requestHeaders(req: IncomingMessage): string[] {
  const named = connectionNamed(req.headers.connection);
  const raw = req.rawHeaders;
  const out: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase();
    if (NOT_FOR_UPSTREAM.has(name) || named?.includes(name)) continue;
    out.push(raw[index]!, raw[index + 1]!);
  }
  const before = req.headers['x-forwarded-for'];
  const from = req.socket.remoteAddress ?? 'unknown';
  out.push('x-forwarded-for', before ? `${String(before)}, ${from}` : from);
  const host = req.headers['x-forwarded-host'] ?? req.headers.host;
  if (host) out.push('x-forwarded-host', String(host));
  out.push('x-forwarded-proto', schemeOf(req));
  return out;
}

/** The scheme that the client uses. */
export function schemeOf(req: IncomingMessage): string {
  return String(req.headers['x-forwarded-proto'] ?? ((req.socket as TLSSocket).encrypted ? 'https' : 'http'));
}

/**
 * The upstream's headers for the client: without those of its connection.
 * @param read the same ones by their names in lower case; a value that is there need not be decoded again
 */
export function responseHeaders(
  raw: readonly Buffer[] | readonly string[],
  read: ReadHeaders = {},
): string[] {
  const out: string[] = [];
  let named: readonly string[] | null = null;
  for (let index = 0; index < raw.length; index += 2) {
    const name = text(raw[index]!);
    const lower = name.toLowerCase();
    if (lower === 'connection') named = connectionNamed(text(raw[index + 1]!));
    if (HOP_BY_HOP.has(lower)) continue;
    const value = read[lower];
    out.push(name, typeof value === 'string' ? value : text(raw[index + 1]!));
  }
  return named ? without(out, named) : out;
}

function without(flat: readonly string[], names: readonly string[]): string[] {
  const out: string[] = [];
  for (let index = 0; index < flat.length; index += 2) {
    if (!names.includes(flat[index]!.toLowerCase())) out.push(flat[index]!, flat[index + 1]!);
  }
  return out;
}

/** Headers that a Connection header names besides the usual ones, or null. */
function connectionNamed(connection: string | undefined): readonly string[] | null {
  if (!connection || connection === 'keep-alive' || connection === 'close') return null;
  const names = connection.split(',').map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== '' && name !== 'close' && name !== 'keep-alive');
}

function text(value: Buffer | string): string {
  return typeof value === 'string' ? value : value.toString('latin1');
}
