/** That a call has ended is told once: to who stands in front of it, to the metrics, and to the log of requests. */
import type { IncomingMessage } from 'node:http';
import { type Message, namedVersion } from '../policy/message.ts';
import type { Upstream } from '../policy/upstreams.ts';
import type { PlaneContext } from './context.ts';
import { headerText } from './headers.ts';
import type { Reply } from './reply.ts';

/** Somebody who stands in front of a call, and is told once how it ended. */
export interface CallObserver {
  /** @param error '' for success; else as in the label `error_type`: a JSON-RPC code, `tool_error`, … */
  ended(error: string): void;
}

export class CallRecord {
  readonly #context: PlaneContext;
  readonly #req: IncomingMessage;
  readonly #res: Reply;
  readonly #message: Message;
  readonly #observer: CallObserver | null;
  readonly #startedAt: number;
  #ended = false;

  constructor(
    context: PlaneContext,
    req: IncomingMessage,
    res: Reply,
    message: Message,
    observer: CallObserver | null,
  ) {
    this.#context = context;
    this.#req = req;
    this.#res = res;
    this.#message = message;
    this.#observer = observer;
    this.#startedAt = context.clock.monotonic();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Only the first time counts.
   * @param error as in the label `error_type`; '' for success
   * @param upstream where the request was sent, if it was
   */
  end(error: string, upstream: Upstream | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#observer?.ended(error);
    if (this.#req.method !== 'POST') return;
    const { metrics, clock, requestLog } = this.#context;
    const version = namedVersion(this.#message, headerText(this.#req.headers['mcp-protocol-version']));
    const seconds = (clock.monotonic() - this.#startedAt) / 1000;
    metrics.operationEnded(this.#message.method, this.#message.tool, error, version, seconds);
    if (requestLog.wants(error)) this.#note(error, version, seconds, upstream);
  }

  #note(error: string, version: string, seconds: number, upstream: Upstream | null): void {
    this.#context.requestLog.note({
      req: this.#req,
      res: this.#res,
      message: this.#message,
      error,
      version,
      seconds,
      upstream: upstream?.name ?? null,
    });
  }
}
