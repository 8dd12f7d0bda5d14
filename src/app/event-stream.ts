/** Reads `text/event-stream` as the HTML standard says: https://html.spec.whatwg.org/multipage/server-sent-events.html */

export interface StreamMessage {
  /** Of the last message that had one. */
  readonly id: string;
  readonly data: string;
}

/** Characters of one message; more is no stream of ours. */
const MAX_MESSAGE = 4 * 1024 * 1024;

/** The messages of a stream, in order. @throws RangeError for one without end */
export async function* readMessages(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<StreamMessage> {
  const decoder = new TextDecoder();
  let rest = '';
  let id = '';
  let data: string[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    // A carriage return at the end may be half of a line's end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    size += chunk.length;
    if (size > MAX_MESSAGE) throw new RangeError('a message of the stream does not end');
    for (const line of lines) {
      const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (field === 'data') data.push(value ?? '');
      if (field === 'id') id = value ?? '';
      if (line !== '') continue;
      size = 0;
      if (data.length > 0) yield { id, data: data.join('\n') };
      data = [];
    }
  }
}
