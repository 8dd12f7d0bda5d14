/**
 * `allclear mcp` in front of a server: every message of standard input goes to the server's `/mcp`, and what it
 * answers to standard output, in whichever protocol era the two sides speak. The tools are the server's own.
 */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { AllclearError, oneLine, systemCode } from '../kernel/index.ts';
import { readMessages } from './event-stream.ts';

export interface RelayOptions {
  readonly server: string;
  readonly token: string;
  readonly input: Readable;
  /** Writes one message, a line. */
  readonly write: (line: string) => void;
  /** Ends the relay, and what is on its way. */
  readonly signal: AbortSignal;
}

/** Characters of one message. The server takes less. */
const MAX_MESSAGE = 1024 * 1024;
/** Milliseconds that answers have when the client has closed its end. */
const LAST_ANSWERS_MS = 2_000;
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
const INTERNAL = -32_603;
const PARSE = -32_700;

interface Message {
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** Relays until standard input ends. Errors: `E_BAD_VALUE` for what is no address */
export async function relay(options: RelayOptions): Promise<void> {
  const url = endpointOf(options.server);
  const ending = new AbortController();
  const one = new Relay(options, url, AbortSignal.any([options.signal, ending.signal]));
  const lines = createInterface({ input: options.input, crlfDelay: Infinity });
  options.signal.addEventListener('abort', () => lines.close(), { once: true });
  for await (const line of lines) one.take(line);
  const timer = setTimeout(() => ending.abort(), LAST_ANSWERS_MS);
  await one.idle();
  clearTimeout(timer);
}

class Relay {
  readonly #options: RelayOptions;
  readonly #url: URL;
  readonly #signal: AbortSignal;
  /** By the JSON of their id. */
  readonly #requests = new Map<string, AbortController>();
  readonly #pending = new Set<Promise<void>>();
  /** What client and server agreed on in the older era. */
  #version: string | null = null;

  constructor(options: RelayOptions, url: URL, signal: AbortSignal) {
    this.#options = options;
    this.#url = url;
    this.#signal = signal;
  }

  take(line: string): void {
    if (line.trim() === '') return;
    const message = parseMessage(line);
    if (message === null) {
      this.#fail(null, PARSE, 'this is no JSON-RPC message, or it is too long');
      return;
    }
    const pending = this.#relay(line, message).finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  /** Resolves when nothing is on its way. */
  async idle(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #relay(body: string, message: Message): Promise<void> {
    const cancel = new AbortController();
    const key = message.id === undefined ? null : JSON.stringify(message.id);
    if (key !== null) this.#requests.set(key, cancel);
    if (message.method === 'notifications/cancelled') {
      // In the newer era a closed answer is the cancellation.
      this.#requests.get(JSON.stringify(message.params?.['requestId']))?.abort();
    }
    try {
      await this.#post(body, message, AbortSignal.any([this.#signal, cancel.signal]));
    } catch (error) {
      if (!cancel.signal.aborted && !this.#signal.aborted) this.#fail(message.id, INTERNAL, reason(error));
    } finally {
      if (key !== null) this.#requests.delete(key);
    }
  }

  async #post(body: string, message: Message, signal: AbortSignal): Promise<void> {
    const response = await fetch(this.#url, {
      method: 'POST',
      body,
      headers: this.#headers(message),
      // The token is for this server only.
      redirect: 'manual',
      signal,
    });
    const type = response.headers.get('content-type') ?? '';
    if (type.includes('text/event-stream') && response.body) {
      for await (const { data } of readMessages(response.body)) this.#answer(data, message);
      return;
    }
    const text = await response.text();
    if (isAnswer(text)) this.#answer(text, message);
    else if (!response.ok) this.#fail(message.id, INTERNAL, refusal(response.status, text));
  }

  #answer(text: string, { method }: Message): void {
    const parsed = JSON.parse(text) as { result?: { protocolVersion?: unknown } };
    const version = parsed.result?.protocolVersion;
    if (method === 'initialize' && typeof version === 'string') this.#version = version;
    this.#options.write(JSON.stringify(parsed));
  }

  #fail(id: Message['id'], code: number, what: string): void {
    // A notification is not answered.
    if (id === undefined) return;
    this.#options.write(JSON.stringify({ jsonrpc: '2.0', id, error: { code, message: oneLine(what, 500) } }));
  }

  #headers(message: Message): Record<string, string> {
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${this.#options.token}`,
    };
    const version = newerVersion(message) ?? this.#version;
    if (version !== null && message.method !== 'initialize') headers['mcp-protocol-version'] = version;
    if (newerVersion(message) === null || message.method === undefined) return headers;
    const name = message.params?.['name'] ?? message.params?.['uri'];
    return {
      ...headers,
      'mcp-method': headerText(message.method),
      ...(typeof name === 'string' && { 'mcp-name': headerText(name) }),
    };
  }
}

/** The protocol version that a message of the newer era bears; null for the older one. */
function newerVersion({ params }: Message): string | null {
  const meta = params?.['_meta'];
  if (typeof meta !== 'object' || meta === null || !(VERSION_KEY in meta)) return null;
  const version = meta[VERSION_KEY];
  return typeof version === 'string' ? headerText(version) : null;
}

/** As the protocol writes what no header can hold. */
function headerText(text: string): string {
  if (/^[!-~](?:[ -~]*[!-~])?$/.test(text) && !/^=\?base64\?/i.test(text)) return text;
  return `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`;
}

function parseMessage(line: string): Message | null {
  if (line.length > MAX_MESSAGE) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}

function isAnswer(text: string): boolean {
  return parseMessage(text) !== null && /"jsonrpc"/.test(text);
}

function refusal(status: number, text: string): string {
  const error = (parseMessage(text) as { error?: { what?: unknown; next?: unknown } } | null)?.error;
  const said = [error?.what, error?.next].filter((part) => typeof part === 'string').join('. ');
  return `the server answered ${status}${said === '' ? '' : `: ${said}`}`;
}

function reason(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = systemCode(cause);
  if (code !== undefined) return `the server cannot be reached (${code})`;
  return `the server cannot be understood (${cause instanceof Error ? cause.message : String(cause)})`;
}

/** @throws AllclearError `E_BAD_VALUE` */
function endpointOf(server: string): URL {
  const base = URL.parse(server);
  if (base && /^https?:$/.test(base.protocol)) return new URL('/mcp', base);
  throw new AllclearError('E_BAD_VALUE', {
    what: `"${oneLine(server, 100)}" is no address of a server`,
    next: 'Set ALLCLEAR_SERVER as `allclear serve` prints it, for example http://127.0.0.1:8600.',
  });
}
