/** Whether requests may be sent to a server. */
import { AllclearError } from '../kernel/index.ts';
import type { Readiness } from '../server/index.ts';
import type { Store } from '../store/index.ts';

/** Those who ask more often get the last answer. */
const CACHE_MS = 1_000;
/** A store that takes longer is as good as away. */
const STORE_MS = 2_000;

export class Health {
  readonly #store: Store;
  readonly #now: () => number;
  #draining = false;
  #last: Promise<string> | null = null;
  #until = 0;

  /** @param now monotonic milliseconds */
  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** From now on no work is to be sent here. */
  drain(): void {
    this.#draining = true;
  }

  async look(): Promise<Readiness> {
    const store = await this.#storeState();
    const server = this.#draining ? 'is stopping' : 'ok';
    return { ready: store === 'ok' && server === 'ok', checks: { store, server } };
  }

  #storeState(): Promise<string> {
    if (!this.#last || this.#now() >= this.#until) {
      this.#last = canWrite(this.#store);
      this.#until = this.#now() + CACHE_MS;
    }
    return this.#last;
  }
}

/** A transaction that can write, and writes nothing. `ok`, or the code of what is wrong. */
async function canWrite(store: Store): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('E_STORE_BUSY'), STORE_MS);
  });
  const written = store
    .write((tx) => tx.selectFrom('meta').select('key').limit(1).execute())
    .then(
      () => 'ok',
      (error: unknown) => (error instanceof AllclearError ? error.code : 'E_STORE_UNUSABLE'),
    );
  try {
    return await Promise.race([written, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}
