/**
 * One structured line for a request that has ended, under OpenTelemetry's attribute names, with the trace
 * that the request belongs to (W3C Trace Context: the traceparent header, or the same in `params._meta`).
 * Tokens, session ids, arguments and answers are never in it.
 */
import type { IncomingMessage } from 'node:http';
import { oneLine } from '../../kernel/index.ts';
import type { Log, LogEntry } from '../log.ts';
import type { Message } from '../policy/message.ts';
import { pathOf } from './path.ts';
import type { Reply } from './reply.ts';

/** Which requests are logged. */
export type RequestLogging = 'none' | 'errors' | 'all';

export interface EndedRequest {
  readonly req: IncomingMessage;
  readonly res: Pick<Reply, 'headersSent' | 'statusCode'>;
  readonly message: Message;
  /** '' for success; else as in the label `error_type`. */
  readonly error: string;
  readonly version: string;
  readonly seconds: number;
  /** Where it went; null when it was answered here. */
  readonly upstream: string | null;
}

const MAX_TEXT = 200;

export class RequestLog {
  readonly #log: Log;
  readonly #which: RequestLogging;

  constructor(log: Log, which: RequestLogging) {
    this.#log = log;
    this.#which = which;
  }

  /** Whether a request that ended so is to be noted; asked first, because most are not. */
  wants(error: string): boolean {
    return this.#which === 'all' || (this.#which === 'errors' && error !== '');
  }

  note(ended: EndedRequest): void {
    this.#log(entryOf(ended));
  }

  /** A mistake of ours, which is told whatever is logged. */
  unforeseen(error: unknown): void {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    this.#log({ event: 'request-failed', why: oneLine(message, MAX_TEXT), stack: stack ?? '' });
  }
}

function entryOf({ req, res, message, error, version, seconds, upstream }: EndedRequest): LogEntry {
  return {
    event: 'request',
    'http.request.method': req.method ?? '',
    'url.path': text(pathOf(req.url ?? '')),
    'http.response.status_code': res.headersSent ? res.statusCode : null,
    'mcp.method.name': text(message.method) || null,
    'gen_ai.tool.name': text(message.tool) || null,
    'mcp.protocol.version': text(version) || null,
    'error.type': error || null,
    'server.address': upstream,
    'client.address': req.socket.remoteAddress ?? null,
    'jsonrpc.request.id': message.id === null ? null : text(String(message.id)),
    duration_seconds: Math.round(seconds * 1e6) / 1e6,
    ...traceOf(req, message),
  };
}

const TRACEPARENT =
  /^[0-9a-f]{2}-(?<trace>(?!0{32})[0-9a-f]{32})-(?<span>(?!0{16})[0-9a-f]{16})-[0-9a-f]{2}$/;

/** The trace as the request names it; nothing when it names none, or in a form that the standard does not know. */
export function traceOf(
  req: Pick<IncomingMessage, 'headers'>,
  message: Pick<Message, 'params'>,
): { readonly trace_id?: string; readonly span_id?: string } {
  const meta = message.params?.['_meta'] as { readonly traceparent?: unknown } | null | undefined;
  for (const given of [req.headers['traceparent'], meta?.traceparent]) {
    const groups = typeof given === 'string' ? TRACEPARENT.exec(given.trim())?.groups : undefined;
    if (groups) return { trace_id: groups['trace']!, span_id: groups['span']! };
  }
  return {};
}

function text(value: string): string {
  return oneLine(value, MAX_TEXT);
}
