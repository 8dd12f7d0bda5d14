/** What the guard needs to know of a JSON-RPC body, and nothing more. */

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
}

const OPAQUE: Message = { kind: 'opaque', method: '', tool: '' };

/** Reads a whole body. Never throws. */
export function readMessage(body: Buffer): Message {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    return OPAQUE;
  }
  return Array.isArray(parsed) ? readBatch(parsed) : readOne(parsed);
}

function readBatch(batch: readonly unknown[]): Message {
  let kind: Message['kind'] = 'one-way';
  for (const entry of batch) {
    const one = readOne(entry);
    if (one.kind === 'initialize') return { kind: 'initialize', method: 'batch', tool: '' };
    if (one.kind === 'request' || one.kind === 'opaque') kind = 'request';
  }
  return { kind, method: 'batch', tool: '' };
}

function readOne(value: unknown): Message {
  if (!isRecord(value)) return OPAQUE;
  const { method, id, params } = value;
  if (typeof method !== 'string') {
    return 'result' in value || 'error' in value ? { kind: 'one-way', method: '', tool: '' } : OPAQUE;
  }
  if (method === 'initialize') return { kind: 'initialize', method, tool: '' };
  if (id === undefined) return { kind: 'one-way', method, tool: '' };
  const named = method === 'tools/call' && isRecord(params) && typeof params['name'] === 'string';
  return { kind: 'request', method, tool: named ? String(params['name']) : '' };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
