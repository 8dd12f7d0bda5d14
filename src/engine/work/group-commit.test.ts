import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGroupCommit } from './group-commit.ts';

function collect(options: {
  max?: number;
  fails?: (entries: readonly number[], call: number) => Error | null;
}) {
  const batches: number[][] = [];
  const givenUp: number[] = [];
  let calls = 0;
  const group = createGroupCommit<number>({
    max: options.max ?? 10,
    commit: async (entries) => {
      calls += 1;
      await Promise.resolve();
      const error = options.fails?.(entries, calls);
      if (error) throw error;
      batches.push([...entries]);
    },
    tryAgain: (error) => (error as Error).message === 'busy',
    pause: async (attempt) => {
      if (attempt > 5) throw new Error('enough');
    },
    onGivenUp: (entry) => givenUp.push(entry),
  });
  return { group, batches, givenUp };
}

describe('a group commit', () => {
  it('commits together what comes together, and waits for nobody when there is one', async () => {
    const { group, batches } = collect({});
    await group.submit(0);
    await Promise.all([1, 2, 3].map((entry) => group.submit(entry)));
    expect(batches).toEqual([[0], [1, 2, 3]]);
  });

  it('keeps within its bound', async () => {
    const { group, batches } = collect({ max: 2 });
    await Promise.all([1, 2, 3, 4, 5].map((entry) => group.submit(entry)));
    expect(batches).toEqual([[1, 2], [3, 4], [5]]);
  });

  it('tries the same again while the store is in trouble', async () => {
    const { group, batches, givenUp } = collect({
      fails: (_, call) => (call < 4 ? new Error('busy') : null),
    });
    await Promise.all([1, 2].map((entry) => group.submit(entry)));
    expect(batches).toEqual([[1, 2]]);
    expect(givenUp).toEqual([]);
  });

  it('does not let one that cannot be committed take the others with it', async () => {
    const { group, batches, givenUp } = collect({
      fails: (entries) => (entries.includes(2) ? new Error('full') : null),
    });
    await Promise.all([1, 2, 3].map((entry) => group.submit(entry)));
    expect(batches.flat()).toEqual([1, 3]);
    expect(givenUp).toEqual([2]);
  });

  it('settles every entry exactly once, committed or given up, in the order they came', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ bad: fc.boolean(), later: fc.boolean() }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        async (entries, max) => {
          const bad = new Set(entries.flatMap((entry, index) => (entry.bad ? [index] : [])));
          const { group, batches, givenUp } = collect({
            max,
            fails: (some, call) =>
              call % 5 === 0
                ? new Error('busy')
                : some.some((entry) => bad.has(entry))
                  ? new Error('full')
                  : null,
          });
          const settled: Promise<void>[] = [];
          for (const [index, { later }] of entries.entries()) {
            if (later) await new Promise(setImmediate);
            settled.push(group.submit(index));
          }
          await Promise.all(settled);
          expect(batches.flat()).toEqual([...entries.keys()].filter((entry) => !bad.has(entry)));
          expect(givenUp).toEqual([...bad]);
        },
      ),
    ));
});
