/**
 * Looks at the bytes of an answer as they pass, and says in the end what the answer meant: MCP reports most
 * failures within HTTP 200. A success costs one native search; everything else is bounded:
 *
 * - JSON up to 16 KiB in which an error may be hidden is parsed. Of a longer one the first and the last 2 KiB
 *   are looked at, where serializers put what decides: `"error":{"code":…` and `"isError":true`.
 * - Of an event stream the last event is the answer, so only the last 16 KiB are kept.
 */
import { codeLabel, rpcOutcome, TOOL_ERROR } from '../policy/rpc-outcome.ts';

const KEPT_BYTES = 16 * 1024;
const EDGE_BYTES = 2048;
/** After the answer a stream may carry a comment, a `retry:` or a late notification. */
const LAST_EVENTS = 8;
/** Ends both `"error"` and `"isError"`, so that one search finds either. */
const SUSPICIOUS = Buffer.from('rror"');

const EVENT_END = /\r\n\r\n|\n\n|\r\r/;
const ENVELOPE = String.raw`"(?:jsonrpc|id)"\s*:\s*(?:"[^"]{0,200}"|-?\d{1,20}|null)`;
const CODE_AT_START = new RegExp(
  String.raw`^\s*\{\s*(?:${ENVELOPE}\s*,\s*){0,2}"error"\s*:\s*\{[^{}]{0,1000}?"code"\s*:\s*(-?\d{1,10})`,
);
const TOOL_ERROR_AT_START = new RegExp(
  String.raw`^\s*\{\s*(?:${ENVELOPE}\s*,\s*){0,2}"result"\s*:\s*\{[^{}[\]]{0,1000}?"isError"\s*:\s*true`,
);
const TOOL_ERROR_AT_END = new RegExp(
  String.raw`"isError"\s*:\s*true[^{}[\]]{0,1000}\}\s*(?:,\s*${ENVELOPE}\s*){0,2}\}\s*$`,
);

export class AnswerWatch {
  readonly #stream: boolean;
  /** From the beginning for JSON; the last ones for an event stream. */
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #dropped = false;
  /** The end of a JSON answer that is longer than what is kept. */
  #end: Buffer | null = null;

  private constructor(stream: boolean) {
    this.#stream = stream;
  }

  /** A watch for an answer with these headers; null when it cannot be read (another type, or compressed). */
  static for(headers: Readonly<Record<string, string | string[] | undefined>>): AnswerWatch | null {
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') return null;
    const type = String(headers['content-type'] ?? '').toLowerCase();
    if (type.startsWith('text/event-stream')) return new AnswerWatch(true);
    return type.startsWith('application/json') ? new AnswerWatch(false) : null;
  }

  /** A piece of the answer has passed. */
  data(chunk: Buffer): void {
    if (this.#end) this.#end = lastBytes(this.#end, chunk);
    else if (this.#stream || this.#keptBytes + chunk.length <= KEPT_BYTES) this.#keep(chunk);
    else {
      const begun = Buffer.concat([...this.#kept, chunk]);
      this.#end = begun.subarray(-EDGE_BYTES);
      this.#kept.splice(0, this.#kept.length, begun.subarray(0, EDGE_BYTES));
    }
  }

  /**
   * What the answer said; ask when it has ended.
   * @returns '' for success, `tool_error`, or a JSON-RPC code as the label `error_type` has it
   */
  outcome(): string {
    const bytes = this.#whole();
    if (this.#end) return ofEdges(bytes.toString('latin1'), this.#end.toString('latin1'));
    if (!bytes.includes(SUSPICIOUS)) return '';
    const text = bytes.toString('utf8');
    return this.#stream ? ofStream(text) : (ofJson(text) ?? '');
  }

  /**
   * Whether the answer has passed though its stream is still open: servers may keep it open, and clients
   * that have what they wanted may leave it. Of a long stream only the end is known, which is then taken for the answer
   * if it is the end of a message that is no request and no notification.
   */
  answered(): boolean {
    if (!this.#stream) return false;
    const bytes = this.#whole();
    if (bytes.includes('"result"') || bytes.includes('"error"')) return true;
    return (
      this.#dropped && !bytes.includes('"method"') && /[\r\n]{2}$/.test(bytes.subarray(-2).toString('latin1'))
    );
  }

  #keep(chunk: Buffer): void {
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
    // Whole chunks are dropped, so that what is kept is never less than the bound.
    while (this.#stream && this.#keptBytes - this.#kept[0]!.length >= KEPT_BYTES) {
      this.#keptBytes -= this.#kept.shift()!.length;
      this.#dropped = true;
    }
  }

  #whole(): Buffer {
    return this.#kept.length === 1 ? this.#kept[0]! : Buffer.concat(this.#kept);
  }
}

function lastBytes(before: Buffer, chunk: Buffer): Buffer {
  if (chunk.length >= EDGE_BYTES) return chunk.subarray(-EDGE_BYTES);
  return Buffer.concat([before.subarray(-(EDGE_BYTES - chunk.length)), chunk]);
}

/**
 * A whole answer as a value: the JSON, or the last event of a stream. Undefined when it is neither.
 * @param body not compressed
 */
export function readAnswer(body: Buffer): unknown {
  const text = body.toString('utf8');
  const events = text.split(EVENT_END).map(dataOf);
  for (const one of [text, ...events.toReversed()]) {
    try {
      return JSON.parse(one);
    } catch {}
  }
  return undefined;
}

/** Null when it is no JSON. */
function ofJson(text: string): string | null {
  try {
    return rpcOutcome(JSON.parse(text));
  } catch {
    return null;
  }
}

function ofEdges(start: string, end: string): string {
  const code = CODE_AT_START.exec(start)?.[1];
  if (code !== undefined) return codeLabel(Number(code));
  return TOOL_ERROR_AT_START.test(start) || TOOL_ERROR_AT_END.test(end) ? TOOL_ERROR : '';
}

/** The answer is the last event, or near it: whatever else comes on the stream says '' here. */
function ofStream(text: string): string {
  const events = text.split(EVENT_END).slice(-LAST_EVENTS);
  for (const event of events.toReversed()) {
    // A long event may have lost its beginning; its end still tells of a failed tool.
    const outcome = ofJson(dataOf(event)) ?? ofEdges('', event);
    if (outcome !== '') return outcome;
  }
  return '';
}

function dataOf(event: string): string {
  const lines = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith('data:'));
  return lines.map((line) => line.slice(5)).join('\n');
}
