/**
 * Writes lines to a file descriptor without ever waiting for its reader: what does not fit into the buffer is
 * dropped and counted. (A pipe whose reader has stopped would otherwise stop the whole process.)
 */
import { createWriteStream } from 'node:fs';

const MAX_BUFFERED = 1024 * 1024;
const END_MS = 500;

export interface BoundedWriter {
  write(line: string): void;
  /** Resolves when everything is written, or after half a second. */
  end(): Promise<void>;
}

/** @param lost makes the line that says how many were dropped; written once there is room again */
export function boundedWriter(fd: number, lost: (count: number) => string): BoundedWriter {
  const stream = createWriteStream('', { fd, autoClose: false });
  // The reader has gone: there is nobody to tell.
  stream.on('error', () => {});
  let dropped = 0;
  return {
    write: (line) => {
      if (stream.writableLength > MAX_BUFFERED) {
        dropped += 1;
        return;
      }
      if (dropped > 0) stream.write(lost(dropped));
      dropped = 0;
      stream.write(line);
    },
    end: () =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, END_MS);
        stream.end(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}
