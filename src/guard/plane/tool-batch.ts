/**
 * A batch with tool calls in it, which only 2025-03-26 knows. Every call asks the policy; the batch passes whole, or
 * is answered whole when one of them may not pass. It ends, for each of its calls, as its worst answer.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { idText, type Message, type RequestId } from '../policy/message.ts';
import { type Caller, Passage, type ToolRequest } from '../policy/passage.ts';
import { refusalOutcome } from '../policy/tool-outcome.ts';
import { refusalWords, timeoutWords } from '../policy/tool-words.ts';
import { Call } from './call.ts';
import type { CallObserver } from './call-record.ts';
import { callerOf } from './caller.ts';
import { cancelUpstream } from './cancel-upstream.ts';
import type { PlaneContext } from './context.ts';
import { headerText } from './headers.ts';
import { sendAnswer, toolFailure } from './tool-answers.ts';
import { isToolCall } from './tool-call.ts';

const NEIGHBOUR =
  'This call was not made and had no effect, because another call of the same batch was refused. Send it on its own.';

export class ToolBatch implements CallObserver {
  readonly #context: PlaneContext;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #requests: readonly Message[];
  readonly #session: string;
  readonly #call: Call;
  #passages: readonly Passage[] = [];

  /** @param message a batch whose `requests` hold a tool call */
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
    this.#requests = message.requests!;
    this.#session = headerText(req.headers['mcp-session-id']) ?? '';
    this.#call = new Call(context, req, res, body, message, this);
  }

  start(): void {
    const { sessions, tools } = this.#context;
    if (this.#session !== '' && sessions.isLost(this.#session)) {
      this.#call.start();
      return;
    }
    const caller = callerOf(this.#req, this.#session, (text) => tools.hash(text));
    const passages: Passage[] = [];
    for (const call of this.#requests.filter(isToolCall)) {
      const entry = tools.enter(this.#asRequest(call, caller));
      if (entry instanceof Passage) {
        passages.push(entry);
        continue;
      }
      for (const passage of passages) passage.withdraw();
      this.#answer((one) => (one === call ? refusalWords(entry, call.tool) : NEIGHBOUR));
      this.#call.refused(refusalOutcome(entry.why));
      return;
    }
    this.#passages = passages;
    this.#call.start();
  }

  ended(error: string): void {
    for (const passage of this.#passages) passage.ended(error);
  }

  #asRequest({ tool, params }: Message, caller: Caller): ToolRequest {
    return { tool, params, caller, expired: () => this.#expired() };
  }

  /** The shortest deadline is that of all. */
  #expired(): void {
    if (!this.#call.waits()) return;
    const seconds = Math.min(...this.#passages.map((one) => one.timeoutSeconds).filter((one) => one > 0));
    const upstream = this.#call.upstream;
    const calls = this.#requests.filter(isToolCall);
    if (this.#session !== '' && upstream) {
      for (const { id } of calls) {
        cancelUpstream(this.#context, upstream, this.#req, id!, `no answer within ${seconds} s`);
      }
    }
    const retryAfter = this.#context.tools.secondsAfterTimeout();
    const words = (one: Message) => timeoutWords(one.tool, seconds, retryAfter, this.#session !== '');
    // Some answers may be in what has begun: nothing can be added to it.
    this.#call.interrupt('timeout', { whole: () => this.#answer(words), event: null });
  }

  #answer(words: (request: Message) => string): void {
    const answers = this.#requests
      .filter(({ id }) => id !== null)
      .map((one) => (isToolCall(one) ? toolFailure(one.id!, words(one), false) : notDone(one.id!)));
    sendAnswer(this.#req, this.#res, `[${answers.join(',')}]`);
  }
}

function notDone(id: RequestId): string {
  const message = 'Not done, because a tool call of the same batch was refused or took too long';
  return `{"jsonrpc":"2.0","id":${idText(id)},"error":${JSON.stringify({ code: -32_000, message })}}`;
}
