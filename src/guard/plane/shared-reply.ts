/**
 * Stands in for the response of a request that several clients may wait for. The leader's client gets every byte as it
 * comes; a copy is kept, and read when the answer has ended.
 *
 * While the copy is kept, a slow leader slows nobody down; an answer that is too large, or of a kind that
 * cannot be shared, goes on at the leader's speed. `close` is told as a response does: when all is done, or
 * when nobody wants the answer any more, which makes the request be given up.
 */
import { EventEmitter } from 'node:events';
import { type PublicResult, readResult } from '../policy/cacheable.ts';
import type { Landing } from '../policy/flights.ts';
import { MAX_SHARED_BYTES } from '../policy/sharing.ts';
import { variesOtherwise } from './cache-query.ts';
import type { HeadersOut, Reply } from './reply.ts';

const BLANK_LINE = Buffer.from('\n\n');
/** Of the head, what others may need too. */
const KEPT_HEADERS = /^(?:access-control-.*|cache-control|content-language|vary|x-content-type-options)$/;

export interface Owner {
  /** The upstream fails. True when the leader's client has been answered otherwise. */
  failing(): boolean;
  /** The answer has ended, or turned out to be for the leader only. Told once. */
  landed(landing: Landing): void;
}

type Fields = Readonly<Record<string, string>>;

export class SharedReply extends EventEmitter<{ close: []; drain: [] }> implements Reply {
  readonly #owner: Owner;
  /** Null once its client has left, or was answered otherwise. */
  #leader: Reply | null;
  #fields: Fields = {};
  #status = 0;
  /** Null when the answer is not kept. */
  #kept: Buffer[] | null = null;
  #keptBytes = 0;
  #landed = false;
  headersSent = false;
  destroyed = false;
  writableEnded = false;
  writableFinished = false;

  constructor(leader: Reply, owner: Owner) {
    super();
    this.#leader = leader;
    this.#owner = owner;
    leader.on('drain', () => this.emit('drain'));
  }

  get statusCode(): number {
    return this.#status;
  }

  /** The leader's client is not to be written to any more. */
  dropLeader(): void {
    this.#leader = null;
    // Whoever waits for the leader to take more need not.
    this.emit('drain');
  }

  /** Nobody wants the answer any more. */
  abandon(): void {
    this.#land({ kind: 'failed' });
    this.#close();
  }

  writeHead(status: number, second: string | HeadersOut | undefined, third?: HeadersOut): void {
    const headers = third ?? (second as HeadersOut);
    const statusText = typeof second === 'string' ? second : undefined;
    this.headersSent = true;
    this.#status = status;
    this.#fields = fieldsOf(headers);
    if (status >= 500 && this.#owner.failing()) this.#leader = null;
    if (statusText === undefined) this.#leader?.writeHead(status, headers);
    else this.#leader?.writeHead(status, statusText, headers);
    if (status === 200 && isShareable(this.#fields)) this.#kept = [];
    else if (status < 500) this.#land({ kind: status >= 400 ? 'refused' : 'private' });
  }

  flushHeaders(): void {
    this.#leader?.flushHeaders();
  }

  write(chunk: Buffer | string): boolean {
    const flows = this.#leader?.write(chunk) ?? true;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (!this.#keep(bytes)) return flows;
    // A stream may stay open after its answer.
    if (this.#isStream && !this.#landed && bytes.includes(BLANK_LINE)) this.#landEarly();
    return true;
  }

  end(chunk?: Buffer | string, encoding?: BufferEncoding): void {
    if (this.writableEnded) return;
    this.writableEnded = true;
    this.writableFinished = true;
    if (chunk === undefined) this.#leader?.end();
    else {
      this.#leader?.end(chunk, encoding);
      this.#keep(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    }
    this.#land(this.#status >= 500 ? { kind: 'failed' } : this.#read());
    this.#close();
  }

  /** The answer broke off. */
  destroy(): void {
    if (this.destroyed || this.writableEnded) return;
    this.#leader?.destroy();
    this.#land({ kind: 'failed' });
    this.#close();
  }

  /** False when the answer is not kept, or not any more. */
  #keep(bytes: Buffer): boolean {
    if (!this.#kept) return false;
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    if (this.#keptBytes <= MAX_SHARED_BYTES) return true;
    this.#kept = null;
    this.#land({ kind: 'private' });
    return false;
  }

  get #isStream(): boolean {
    return this.#fields['content-type']!.startsWith('text/event-stream');
  }

  #landEarly(): void {
    const landing = this.#read();
    if (landing.kind === 'public' || landing.kind === 'private') this.#land(landing);
  }

  #read(): Landing {
    const text = Buffer.concat(this.#kept ?? []).toString('utf8');
    const read: PublicResult | 'private' | 'error' = readResult(this.#isStream ? lastEvent(text) : text);
    if (read === 'error') return { kind: 'refused' };
    if (read === 'private') return { kind: 'private' };
    return { kind: 'public', result: read, head: headOf(this.#fields) };
  }

  #land(landing: Landing): void {
    if (this.#landed) return;
    this.#landed = true;
    this.#owner.landed(landing);
  }

  #close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }
}

function isShareable(fields: Fields): boolean {
  const type = fields['content-type'] ?? '';
  if (!type.startsWith('application/json') && !type.startsWith('text/event-stream')) return false;
  if (fields['content-encoding'] !== undefined && fields['content-encoding'] !== 'identity') return false;
  if (fields['set-cookie'] !== undefined || variesOtherwise(fields['vary'])) return false;
  return !/\b(?:no-store|private)\b/i.test(fields['cache-control'] ?? '');
}

function headOf(fields: Fields): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => KEPT_HEADERS.test(name)));
}

/** By name in lower case; of several with one name, all. */
function fieldsOf(headers: HeadersOut): Fields {
  const fields: Record<string, string> = {};
  const pairs = Array.isArray(headers) ? pairsOf(headers) : Object.entries(headers);
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase();
    fields[lower] = fields[lower] === undefined ? String(value) : `${fields[lower]}, ${String(value)}`;
  }
  return fields;
}

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < flat.length; index += 2) pairs.push([flat[index]!, flat[index + 1]!]);
  return pairs;
}

/** The data of the last event that has some: a request's response comes last on its stream. */
function lastEvent(text: string): string {
  let data = '';
  for (const event of text.split(/\r\n\r\n|\n\n|\r\r/)) {
    const lines = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith('data:'));
    if (lines.length > 0) data = lines.map((line) => line.slice(line[5] === ' ' ? 6 : 5)).join('\n');
  }
  return data;
}
