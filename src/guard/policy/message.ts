/** What the guard needs to know of a JSON-RPC body, and nothing more. */

import { membersOf } from './json-members.ts';

/** Protocol versions from this one on are stateless: no initialize, no session. They compare as texts. */
export const STATELESS_SINCE = '2026-07-28';

/** A JSON-RPC id. An integer that a number does not hold is a bigint: it has to come back digit for digit. */
export type RequestId = string | number | bigint;

export interface Message {
  /**
   * `initialize`: opens a session. `request`: expects an answer. `one-way`: notifications and responses.
   * `opaque`: not JSON-RPC as far as we can tell; the upstream answers it in its own words.
   */
  readonly kind: 'initialize' | 'request' | 'one-way' | 'opaque';
  /** The method; `batch` for several messages; '' when there is none. Comes from the wire. */
  readonly method: string;
  /** `params.name` of a tools/call; '' otherwise. Comes from the wire. */
  readonly tool: string;
  /** The id of a single request; null when there is none. Comes from the wire. */
  readonly id: RequestId | null;
  /** The params of a single message that has some. Comes from the wire. */
  readonly params: Readonly<Record<string, unknown>> | null;
  /** `params._meta["io.modelcontextprotocol/protocolVersion"]`, which marks the stateless era; '' without one. */
  readonly version: string;
  /** The requests of a batch that calls tools. */
  readonly requests?: readonly Message[];
}

export const NO_MESSAGE: Message = {
  kind: 'opaque',
  method: '',
  tool: '',
  id: null,
  params: null,
  version: '',
};

/** Reads a whole body. Never throws. */
export function readMessage(body: Buffer): Message {
  const text = body.toString('utf8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return NO_MESSAGE;
  }
  if (Array.isArray(parsed)) return readBatch(parsed);
  const message = readOne(parsed);
  return isRounded(message.id) ? { ...message, id: exactId(text) ?? message.id } : message;
}

/** An id as JSON. */
export function idText(id: RequestId | null): string {
  return typeof id === 'bigint' ? String(id) : JSON.stringify(id);
}

/** Some clients take random 64-bit integers. */
function isRounded(id: RequestId | null): boolean {
  return typeof id === 'number' && Math.abs(id) > Number.MAX_SAFE_INTEGER;
}

/** The id as it is written, when that is an integer. @param text a JSON object */
function exactId(text: string): bigint | null {
  const span = membersOf(text, text.indexOf('{'))?.get('id');
  const written = span ? text.slice(span.start, span.end) : '';
  return /^-?\d{1,40}$/.test(written) ? BigInt(written) : null;
}

/** True for a request of the stateless era: its body says so, or else its header. */
export function isStateless(message: Message, versionHeader: string | undefined): boolean {
  const version = message.version === '' ? (versionHeader ?? '') : message.version;
  return version >= STATELESS_SINCE;
}

/** The protocol version that a request names, for the label: in its body, its header, or its initialize params. */
export function namedVersion(message: Message, versionHeader: string | undefined): string {
  if (message.version !== '') return message.version;
  const wanted = message.kind === 'initialize' ? message.params?.['protocolVersion'] : undefined;
  return typeof wanted === 'string' ? wanted : (versionHeader ?? '');
}

function readBatch(batch: readonly unknown[]): Message {
  let kind: Message['kind'] = 'one-way';
  const requests: Message[] = [];
  for (const entry of batch) {
    const one = readOne(entry);
    if (one.kind === 'request') requests.push(one);
    if (one.kind === 'initialize') return { ...NO_MESSAGE, kind: 'initialize', method: 'batch' };
    if (one.kind === 'request' || one.kind === 'opaque') kind = 'request';
  }
  const callsTools = requests.some(({ tool }) => tool !== '');
  return { ...NO_MESSAGE, kind, method: 'batch', ...(callsTools && { requests }) };
}

function readOne(value: unknown): Message {
  if (!isRecord(value)) return NO_MESSAGE;
  const { method, id: givenId } = value;
  const params = isRecord(value['params']) ? value['params'] : null;
  const id = typeof givenId === 'string' || typeof givenId === 'number' ? givenId : null;
  if (typeof method !== 'string') {
    return 'result' in value || 'error' in value ? { ...NO_MESSAGE, kind: 'one-way' } : NO_MESSAGE;
  }
  const version = versionOf(params);
  if (method === 'initialize') return { kind: 'initialize', method, tool: '', id, params, version };
  if (givenId === undefined) return { kind: 'one-way', method, tool: '', id, params, version };
  const tool = method === 'tools/call' && typeof params?.['name'] === 'string' ? params['name'] : '';
  return { kind: 'request', method, tool, id, params, version };
}

function versionOf(params: Readonly<Record<string, unknown>> | null): string {
  const meta = params?.['_meta'];
  if (!isRecord(meta)) return '';
  const version = meta['io.modelcontextprotocol/protocolVersion'];
  return typeof version === 'string' ? version : '';
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
