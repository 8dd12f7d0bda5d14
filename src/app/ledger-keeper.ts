/** Tells in the ledger, once a minute, where the time lines of open incidents end that have changed. */
import { type Clock, type Log, toAllclearError } from '../kernel/index.ts';
import { type Store, tellHeads } from '../store/index.ts';

const EVERY_MS = 60_000;
/** Changes that were being committed while the last ones were told. */
const OVERLAP_MS = 5_000;

/** @returns stops, when a telling that is under way has ended */
export function keepLedger(store: Store, clock: Clock, log: Log): () => Promise<void> {
  const stop = new AbortController();
  const loop = async () => {
    for (let since = store.now(); !stop.signal.aborted; ) {
      await clock.sleep(EVERY_MS, stop.signal).catch(() => {});
      if (stop.signal.aborted) return;
      const now = store.now();
      try {
        await tellHeads(store, 'allclear', since - OVERLAP_MS);
        since = now;
      } catch (error) {
        const { code, message } = toAllclearError(error);
        log({ event: 'heads-not-told', code, why: message });
      }
    }
  };
  const ended = loop();
  return () => {
    stop.abort();
    return ended;
  };
}
