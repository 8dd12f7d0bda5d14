/**
 * What ends at about the same time is committed together: under load a transaction costs each of many a little,
 * when there is nothing else it waits for nobody.
 */
export interface GroupCommit<Entry> {
  /** Resolves once the entry is durable, or has been given up. Never rejects. */
  submit(entry: Entry): Promise<void>;
}

export interface GroupCommitOptions<Entry> {
  /** Commits all of them, or throws and none is. */
  readonly commit: (entries: readonly Entry[]) => Promise<void>;
  /** At most so many in one transaction. */
  readonly max: number;
  /** True when the same may work a moment later. False: the entries are then tried one by one. */
  readonly tryAgain: (error: unknown) => boolean;
  /** Waits before the next try; `attempt` counts from 1. Rejects to give up. */
  readonly pause: (attempt: number) => Promise<void>;
  /** Told of each entry that is given up, and why. */
  readonly onGivenUp: (entry: Entry, error: unknown) => void;
}

interface Waiting<Entry> {
  readonly entry: Entry;
  readonly settled: () => void;
}

export function createGroupCommit<Entry>(options: GroupCommitOptions<Entry>): GroupCommit<Entry> {
  const { commit, max, tryAgain, pause, onGivenUp } = options;
  let queue: Waiting<Entry>[] = [];
  let running = false;

  async function run(): Promise<void> {
    running = true;
    while (queue.length > 0) {
      // What is ending in this very turn of the event loop comes along.
      await new Promise(setImmediate);
      const batch = queue.slice(0, max);
      queue = queue.slice(max);
      await commitBatch(batch);
      for (const { settled } of batch) settled();
    }
    running = false;
  }

  async function commitBatch(batch: readonly Waiting<Entry>[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await commit(batch.map(({ entry }) => entry));
        return;
      } catch (error) {
        if (!tryAgain(error)) {
          // One that cannot be committed must not take the others with it.
          if (batch.length > 1) for (const one of batch) await commitBatch([one]);
          else onGivenUp(batch[0]!.entry, error);
          return;
        }
        try {
          await pause(attempt);
        } catch {
          for (const { entry } of batch) onGivenUp(entry, error);
          return;
        }
      }
    }
  }

  return {
    submit: (entry) =>
      new Promise((resolve) => {
        queue.push({ entry, settled: resolve });
        if (!running) void run();
      }),
  };
}
