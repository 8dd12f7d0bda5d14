/** How an answer ends that the guard gives up waiting for. */
import type { Clock } from '../../kernel/index.ts';
import type { Reply } from './reply.ts';
import type { RetryStamper } from './sse.ts';

/** How long a stream may take to finish the event it is in the middle of. */
const LAST_EVENT_MS = 1000;

/** What the client of an interrupted call is told. */
export interface LastWords {
  /** Answers when nothing of an answer has been sent. */
  whole(): void;
  /** The last event of a stream that has begun; null: it is cut. */
  readonly event: string | null;
}

/**
 * Tells the client, in an event stream between two events; any other body that has begun ends in the middle.
 * @param stamper of the stream that has begun, if it is one
 * @param cut gives up the request to the upstream
 */
export function sayLastWords(
  clock: Clock,
  res: Reply,
  stamper: RetryStamper | null,
  words: LastWords,
  cut: () => void,
): void {
  if (res.headersSent && stamper && words.event !== null) {
    res.once(
      'close',
      clock.after(LAST_EVENT_MS, () => res.destroy()),
    );
    stamper.end(words.event, cut);
    return;
  }
  cut();
  if (res.headersSent) res.destroy();
  else words.whole();
}
