/** A tools/call: asks the policy at the door, then is a `Call` with a deadline. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Place } from '../policy/in-flight.ts';
import { isStateless, type Message, type RequestId } from '../policy/message.ts';
import { type Caller, Passage, type ToolRequest } from '../policy/passage.ts';
import { refusalOutcome } from '../policy/tool-outcome.ts';
import { refusalWords, timeoutWords } from '../policy/tool-words.ts';
import { Call } from './call.ts';
import type { CallObserver } from './call-record.ts';
import { callerOf } from './caller.ts';
import { cancelUpstream } from './cancel-upstream.ts';
import type { Cancellable } from './cancellable.ts';
import type { PlaneContext } from './context.ts';
import { headerText } from './headers.ts';
import { asEvent, sendAnswer, toolFailure } from './tool-answers.ts';

export class ToolCall implements CallObserver, ToolRequest, Cancellable {
  readonly tool: string;
  readonly params: Message['params'];
  readonly id: RequestId;
  readonly caller: Caller;
  readonly #context: PlaneContext;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #stateless: boolean;
  /** '' outside sessions. */
  readonly #session: string;
  readonly #call: Call;
  #passage: Passage | null = null;
  #cancellable: Place<Cancellable> | null = null;

  /** @param message a tools/call with a tool and an id; see `isToolCall` */
  constructor(
    context: PlaneContext,
    req: IncomingMessage,
    res: ServerResponse,
    body: Buffer,
    message: Message,
  ) {
    this.#context = context;
    this.#req = req;
    this.#res = res;
    this.id = message.id!;
    this.tool = message.tool;
    this.params = message.params;
    this.#stateless = isStateless(message, headerText(req.headers['mcp-protocol-version']));
    this.#session = this.#stateless ? '' : (headerText(req.headers['mcp-session-id']) ?? '');
    this.caller = callerOf(req, this.#session, (text) => context.tools.hash(text));
    this.#call = new Call(context, req, res, body, message, this);
  }

  start(): void {
    const { sessions, tools, cancellable } = this.#context;
    // That the session is over is the more important news, and costs the server nothing.
    if (this.#session !== '' && sessions.isLost(this.#session)) {
      this.#call.start();
      return;
    }
    const entry = tools.enter(this);
    if (!(entry instanceof Passage)) {
      sendAnswer(this.#req, this.#res, this.#failure(refusalWords(entry, this.tool)));
      this.#call.refused(refusalOutcome(entry.why));
      return;
    }
    this.#passage = entry;
    if (this.#session !== '') this.#cancellable = cancellable.add(this.#session, this);
    this.#call.start();
  }

  cancelledByClient(): void {
    this.#call.abandoned();
  }

  ended(error: string): void {
    this.#passage?.ended(error);
    if (this.#cancellable) this.#context.cancellable.remove(this.#cancellable);
    this.#cancellable = null;
  }

  expired(): void {
    if (!this.#call.waits()) return;
    const seconds = this.#passage!.timeoutSeconds;
    const upstream = this.#call.upstream;
    if (this.#session !== '' && upstream) {
      cancelUpstream(this.#context, upstream, this.#req, this.id, `no answer within ${seconds} s`);
    }
    // Of the older era without a session nobody can say which server instance has the call.
    const cancelled = this.#stateless || this.#session !== '';
    const retryAfter = this.#context.tools.secondsAfterTimeout();
    const answer = this.#failure(timeoutWords(this.tool, seconds, retryAfter, cancelled));
    this.#call.interrupt('timeout', {
      whole: () => sendAnswer(this.#req, this.#res, answer),
      event: asEvent(answer),
    });
  }

  #failure(text: string): string {
    return toolFailure(this.id, text, this.#stateless);
  }
}

/** Whether the policy of tools can hold this message: it names a tool, and can be answered. */
export function isToolCall({ kind, tool, id }: Message): boolean {
  return kind === 'request' && tool !== '' && id !== null;
}

/** Sees whether a client cancels a tool call in its session. */
export function noticeCancellation(context: PlaneContext, req: IncomingMessage, message: Message): void {
  if (message.method !== 'notifications/cancelled') return;
  const id = message.params?.['requestId'];
  if (typeof id !== 'string' && typeof id !== 'number') return;
  context.cancellable.find(headerText(req.headers['mcp-session-id']) ?? '', id)?.cancelledByClient();
}
