/** A `subscriptions/listen` stream on its way to a client: what it says of changes is heard, and nothing is touched. */
import { StringDecoder } from 'node:string_decoder';
import { readMessage } from '../policy/message.ts';
import type { HeadersOut, Reply } from './reply.ts';

/** A longer event is not read. */
const MAX_EVENT = 64 * 1024;
const EVENT_END = /\r\n\r\n|\n\n|\r\r/;

export class ListenReply implements Reply {
  readonly #reply: Reply;
  readonly #heard: (method: string, params: Readonly<Record<string, unknown>> | null) => void;
  readonly #decoder = new StringDecoder('utf8');
  /** An event that has not ended. */
  #begun = '';
  #tooLong = false;

  constructor(
    reply: Reply,
    heard: (method: string, params: Readonly<Record<string, unknown>> | null) => void,
  ) {
    this.#reply = reply;
    this.#heard = heard;
  }

  write(chunk: Buffer | string): boolean {
    // First heard, then passed on: a client that asks anew at once must not find what is wrong by now.
    this.#read(typeof chunk === 'string' ? chunk : this.#decoder.write(chunk));
    return this.#reply.write(chunk);
  }

  #read(text: string): void {
    const events = (this.#begun + text).split(EVENT_END);
    this.#begun = events.pop()!;
    for (const event of events) {
      if (!this.#tooLong) this.#readEvent(event);
      this.#tooLong = false;
    }
    if (this.#begun.length <= MAX_EVENT) return;
    this.#tooLong = true;
    // Its end may come in two pieces.
    this.#begun = this.#begun.slice(-3);
  }

  #readEvent(event: string): void {
    if (!event.includes('notifications/')) return;
    const lines = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith('data:'));
    const { kind, method, params } = readMessage(
      Buffer.from(lines.map((line) => line.slice(5)).join('\n'), 'utf8'),
    );
    if (kind === 'one-way' && method !== '') this.#heard(method, params);
  }

  get destroyed(): boolean {
    return this.#reply.destroyed;
  }

  get headersSent(): boolean {
    return this.#reply.headersSent;
  }

  get statusCode(): number {
    return this.#reply.statusCode;
  }

  get writableEnded(): boolean {
    return this.#reply.writableEnded;
  }

  get writableFinished(): boolean {
    return this.#reply.writableFinished;
  }

  writeHead(status: number, second: string | HeadersOut | undefined, third?: HeadersOut): void {
    if (third === undefined) this.#reply.writeHead(status, second as HeadersOut);
    else this.#reply.writeHead(status, second as string | undefined, third);
  }

  flushHeaders(): void {
    this.#reply.flushHeaders();
  }

  end(chunk?: Buffer | string, encoding?: BufferEncoding): void {
    if (chunk === undefined) this.#reply.end();
    else this.#reply.end(chunk, encoding);
  }

  destroy(): void {
    this.#reply.destroy();
  }

  on(event: 'close' | 'drain', listener: () => void): void {
    this.#reply.on(event, listener);
  }

  once(event: 'close' | 'drain', listener: () => void): void {
    this.#reply.once(event, listener);
  }

  off(event: 'close' | 'drain', listener: () => void): void {
    this.#reply.off(event, listener);
  }
}
