/** Looks at the store when it has changed: one look at a time, whoever waits for it, and a slow one behind all. */
import type { Clock, Log } from '../../kernel/index.ts';
import { toAllclearError } from '../../kernel/index.ts';
import type { Store } from '../../store/index.ts';

/** Nothing relies on being woken alone. */
const SLOW_MS = 5_000;
/** Many changes at once are one look. */
const PAUSE_MS = 20;

export interface Looker {
  /** Looks soon. */
  wake(): void;
  close(): void;
}

/** @param look must not overlap with itself, and does not; what it throws is logged, and it is called again later */
export function watchStore(store: Store, clock: Clock, log: Log, look: () => Promise<void>): Looker {
  let closed = false;
  let looking = false;
  let again = false;
  let cancel = () => {};

  const wake = () => {
    again = true;
    if (looking || closed) return;
    looking = true;
    cancel();
    void run();
  };

  async function run(): Promise<void> {
    while (again && !closed) {
      again = false;
      await look().catch((error: unknown) => {
        const { code, message } = toAllclearError(error);
        if (!closed) log({ event: 'streams-stalled', code, what: message });
      });
      await clock.sleep(PAUSE_MS);
    }
    looking = false;
    if (!closed) cancel = clock.after(SLOW_MS, wake);
  }

  const unwatch = store.onChange(wake);
  cancel = clock.after(SLOW_MS, wake);
  return {
    wake,
    close: () => {
      closed = true;
      cancel();
      unwatch();
    },
  };
}
