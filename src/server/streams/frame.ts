/** One message of a stream, as the event-stream format writes it: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function frame(id: string | number, data: unknown): string {
  // JSON has no line breaks, so the data is one line.
  return `id: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A comment: keeps the connection and what is between alive. */
export const HEARTBEAT = ':\n\n';

/** Milliseconds after which a client that lost its stream opens another one. */
export const RETRY = 'retry: 2000\n\n';
