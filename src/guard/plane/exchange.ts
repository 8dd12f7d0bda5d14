/**
 * One request to an upstream whose answer streams to a client, untouched and at the client's speed.
 *
 * started → answered → (data)* → ended, with the exits `failed` (before an answer), `broken` (in the middle)
 * and `cut` (by us).
 */
import { STATUS_CODES } from 'node:http';
import type { Dispatcher } from 'undici';
import { ClientGone, type Controller } from './connections.ts';
import { atEndOfTurn } from './end-of-turn.ts';
import { responseHeaders } from './headers.ts';
import type { Reply } from './reply.ts';
import type { RetryStamper } from './sse.ts';

export type ResponseHeaders = Record<string, string | string[] | undefined>;

export interface Watcher {
  /**
   * The upstream's status and headers are here. `swallow`: read the rest, and give it to nobody. `hold`: keep
   * the answer back until its body is here; a long one passes.
   */
  answered(status: number, headers: ResponseHeaders): 'pass' | 'swallow' | 'hold';
  /** The whole body of an answer that was kept back. */
  held?(body: Buffer): 'pass' | 'swallow';
  /** Where a redirect leads: what the client is told. */
  moved?(location: string): string;
  /** The head of a passed answer has been sent to the client. */
  headSent?(): void;
  /** A piece of a passed answer. */
  data?(chunk: Buffer): void;
  /** The answer ended; `error` is set when it did not end well, `began` tells whether there was an answer. */
  ended(error: Error | null, began: boolean): void;
}

/** Head and body together stay below the 16 KiB that Node writes without an allocation. */
const MAX_WHOLE_BYTES = 8 * 1024;
const MAX_HELD_BYTES = 64 * 1024;

/** An answer that is kept back. */
interface Held {
  begin(): void;
  readonly chunks: Buffer[];
  bytes: number;
}

export class Exchange implements Dispatcher.DispatchHandler {
  readonly #res: Reply;
  readonly #watcher: Watcher;
  #controller: Controller | null = null;
  #cut: Error | null = null;
  #passing = false;
  #held: Held | null = null;
  #began = false;
  #ended = false;
  /** Some of the body has been written. */
  #wrote = false;
  /** The content-length of the answer, when it has one. */
  #length = -1;
  /** A small body that came in one piece. */
  #whole: Buffer | null = null;
  /** Set by the watcher, when answered, for streams that get `retry:` fields. */
  stamper: RetryStamper | null = null;

  constructor(res: Reply, watcher: Watcher) {
    this.#res = res;
    this.#watcher = watcher;
  }

  /** Gives the request up, now or as soon as it has a connection. The watcher is told `ended`. */
  cut(reason: Error = new ClientGone('the client went away')): void {
    if (this.#ended || this.#cut) return;
    this.#cut = reason;
    this.#controller?.abort(reason);
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#cut) controller.abort(this.#cut);
  }

  onResponseStart(
    controller: Controller,
    status: number,
    headers: ResponseHeaders,
    statusText?: string,
  ): void {
    if (status < 200) return;
    this.#began = true;
    const verdict = this.#watcher.answered(status, headers);
    if (verdict === 'swallow' || this.#res.destroyed) return;
    if (verdict === 'pass') this.#begin(controller, status, headers, statusText);
    else {
      const begin = () => this.#begin(controller, status, headers, statusText);
      this.#held = { begin, chunks: [], bytes: 0 };
    }
  }

  #begin(controller: Controller, status: number, headers: ResponseHeaders, statusText?: string): void {
    this.#passing = true;
    const raw = (controller.rawHeaders ?? []) as readonly Buffer[];
    const phrase = isWritable(status, statusText) ? statusText : undefined;
    this.#res.writeHead(status, phrase, responseHeaders(raw, this.#toldHeaders(status, headers)));
    const length = headers['content-length'];
    if (length === undefined) process.nextTick(() => this.#flushHead());
    else this.#length = Number(length);
    this.#watcher.headSent?.();
  }

  #toldHeaders(status: number, headers: ResponseHeaders): ResponseHeaders {
    const { location } = headers;
    if (status < 300 || status >= 400 || typeof location !== 'string') return headers;
    return { ...headers, location: this.#watcher.moved?.(location) ?? location };
  }

  /**
   * A stream may stay silent for long: its head must not wait for the first event. What came together with the
   * head has been written by now, and goes out with it in one write.
   */
  #flushHead(): void {
    if (!this.#wrote && !this.#res.writableEnded && !this.#res.destroyed) this.#res.flushHeaders();
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#held) this.#hold(controller, this.#held, chunk);
    else if (this.#passing) this.#pass(controller, chunk);
  }

  #hold(controller: Controller, held: Held, chunk: Buffer): void {
    held.chunks.push(chunk);
    held.bytes += chunk.length;
    if (held.bytes <= MAX_HELD_BYTES) return;
    this.#held = null;
    if (this.#res.destroyed) return;
    held.begin();
    this.#pass(controller, Buffer.concat(held.chunks));
  }

  #judgeHeld(held: Held): void {
    const body = Buffer.concat(held.chunks);
    if (this.#watcher.held!(body) === 'swallow' || this.#res.destroyed) return;
    this.#held = null;
    held.begin();
    this.#watcher.data?.(body);
    this.#res.write(body);
  }

  #pass(controller: Controller, chunk: Buffer): void {
    this.#watcher.data?.(chunk);
    if (chunk.length === this.#length && chunk.length <= MAX_WHOLE_BYTES) {
      this.#whole = chunk;
      return;
    }
    this.#wrote = true;
    const flows = this.stamper ? this.stamper.write(chunk) : this.#res.write(chunk);
    if (flows || this.#res.destroyed) return;
    controller.pause();
    const resume = () => {
      this.#res.off('drain', resume);
      this.#res.off('close', resume);
      controller.resume();
    };
    this.#res.on('drain', resume);
    this.#res.on('close', resume);
  }

  onResponseEnd(): void {
    if (this.#held) this.#judgeHeld(this.#held);
    this.#end(null);
    if (!this.#passing) return;
    if (this.#whole) atEndOfTurn(() => this.#sendWhole(this.#whole!));
    else this.#res.end();
  }

  #sendWhole(body: Buffer): void {
    try {
      // As a text (a byte is a character) it goes out with the head, in one plain write.
      this.#res.end(body.toString('latin1'), 'latin1');
    } catch {
      // What nobody has foreseen is the end of this answer, and not of those that go out after it.
      this.#res.destroy();
    }
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    this.#end(error);
  }

  #end(error: Error | null): void {
    if (this.#ended) return;
    this.#ended = true;
    // What is kept back is for the client as if it had never begun.
    this.#watcher.ended(error, this.#began && this.#held === null);
  }
}

/** Words in another alphabet cannot be written as they were read, and mean nothing (RFC 9112, 4). */
function isWritable(status: number, statusText: string | undefined): boolean {
  if (statusText === undefined || statusText === STATUS_CODES[status]) return true;
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(statusText);
}
