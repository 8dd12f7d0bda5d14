/** What an answer is written to: a client's response, or something that stands in for one. */
import type { OutgoingHttpHeaders } from 'node:http';

/** The flat list of `rawHeaders`, or a record. */
export type HeadersOut = string[] | OutgoingHttpHeaders;

/** The part of `ServerResponse` that the plane uses. */
export interface Reply {
  readonly destroyed: boolean;
  readonly headersSent: boolean;
  /** What was answered, once the headers are sent. */
  readonly statusCode: number;
  readonly writableEnded: boolean;
  readonly writableFinished: boolean;
  writeHead(status: number, headers: HeadersOut): unknown;
  writeHead(status: number, statusText: string | undefined, headers: HeadersOut): unknown;
  flushHeaders(): void;
  write(chunk: Buffer | string): boolean;
  end(): unknown;
  end(chunk: Buffer | string, encoding?: BufferEncoding): unknown;
  destroy(): unknown;
  on(event: 'close' | 'drain', listener: () => void): unknown;
  once(event: 'close' | 'drain', listener: () => void): unknown;
  off(event: 'close' | 'drain', listener: () => void): unknown;
}
