/**
 * One request to an upstream whose answer streams to a client, untouched and at the client's speed.
 *
 * started → answered → (data)* → ended, with the exits `failed` (before an answer), `broken` (in the middle)
 * and `cut` (by us).
 */
import type { ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { ClientGone, type Controller } from './connections.ts';
import { responseHeaders } from './headers.ts';
import type { RetryStamper } from './sse.ts';

type ResponseHeaders = Record<string, string | string[] | undefined>;

export interface Watcher {
  /** The upstream's status and headers are here. `swallow`: read the rest, and give it to nobody. */
  answered(status: number, headers: ResponseHeaders): 'pass' | 'swallow';
  /** The head of a passed answer has been sent to the client. */
  headSent?(): void;
  /** A piece of a passed answer. */
  data?(chunk: Buffer): void;
  /** The answer ended; `error` is set when it did not end well, `began` tells whether there was an answer. */
  ended(error: Error | null, began: boolean): void;
}

/** Head and body together stay below the 16 KiB that Node writes without an allocation. */
const MAX_WHOLE_BYTES = 8 * 1024;

export class Exchange implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse;
  readonly #watcher: Watcher;
  #controller: Controller | null = null;
  #cut: Error | null = null;
  #passing = false;
  #began = false;
  #ended = false;
  /** The content-length of the answer, when it has one. */
  #length = -1;
  /** A small body that came in one piece. */
  #whole: Buffer | null = null;
  /** Set by the watcher, when answered, for streams that get `retry:` fields. */
  stamper: RetryStamper | null = null;

  constructor(res: ServerResponse, watcher: Watcher) {
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
    this.#passing = this.#watcher.answered(status, headers) === 'pass' && !this.#res.destroyed;
    if (!this.#passing) return;
    const raw = (controller.rawHeaders ?? []) as readonly Buffer[];
    this.#res.writeHead(status, statusText, responseHeaders(raw));
    // A stream may stay silent for long: its head must not wait for the first event.
    const length = headers['content-length'];
    if (length === undefined) this.#res.flushHeaders();
    else this.#length = Number(length);
    this.#watcher.headSent?.();
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (!this.#passing) return;
    this.#watcher.data?.(chunk);
    if (chunk.length === this.#length && chunk.length <= MAX_WHOLE_BYTES) {
      this.#whole = chunk;
      return;
    }
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
    this.#end(null);
    if (!this.#passing) return;
    // As a text (a byte is a character) it goes out with the head, in one plain write.
    if (this.#whole) this.#res.end(this.#whole.toString('latin1'), 'latin1');
    else this.#res.end();
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    this.#end(error);
  }

  #end(error: Error | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watcher.ended(error, this.#began);
  }
}
