/** Remembers calls that did not end well, for a while and a bounded number of them. */
import { LRUCache } from 'lru-cache';

/** How long after its end a call that is made again is a retry of it, in ms. */
export const RETRY_WINDOW_MS = 120_000;
const MAX_REMEMBERED = 50_000;
const SLOTS = 65_536;

export interface FailedCall {
  /** Monotonic ms. */
  readonly at: number;
  /** How often its tool had recovered when it failed. */
  readonly recoveries: number;
}

interface Remembered extends FailedCall {
  readonly slot: number;
}

export class FailedCalls {
  /** How many calls are remembered of the callers that share a slot: nearly always of one, and mostly none. */
  readonly #bySlot = new Uint16Array(SLOTS);
  readonly #calls = new LRUCache<string, Remembered>({
    max: MAX_REMEMBERED,
    dispose: ({ slot }) => {
      this.#bySlot[slot]! -= 1;
    },
  });

  /** Whether a call of this caller may be remembered; false is certain. Costs much less than a call's key. */
  mayKnow(caller: string): boolean {
    return this.#bySlot[slotOf(caller)] !== 0;
  }

  add(key: string, caller: string, call: FailedCall): void {
    if (key === '') return;
    const slot = slotOf(caller);
    this.#bySlot[slot]! += 1;
    this.#calls.set(key, { ...call, slot });
  }

  find(key: string, now: number): FailedCall | null {
    const found = this.#calls.get(key);
    return found !== undefined && now - found.at <= RETRY_WINDOW_MS ? found : null;
  }

  /** It has ended well since. */
  forget(key: string): void {
    this.#calls.delete(key);
  }
}

/** FNV-1a, folded to 16 bits: nothing of the caller can be read from it. */
function slotOf(caller: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < caller.length; index++) {
    hash = Math.imul(hash ^ caller.charCodeAt(index), 0x01000193);
  }
  return (hash ^ (hash >>> 16)) & (SLOTS - 1);
}
