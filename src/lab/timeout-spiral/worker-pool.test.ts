import { array, assert, asyncProperty, integer, nat } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { WorkerPool } from './worker-pool.ts';

const nothing = () => {};

describe('WorkerPool', () => {
  it('works on so many queries at a time, and on the others in the order they came', async () => {
    const clock = new TestClock();
    const pool = new WorkerPool(clock, { workers: 2, maxWaiting: 10, serviceMs: () => 100 });
    const done: number[] = [];
    for (const query of [1, 2, 3]) pool.submit(() => done.push(query));
    expect([pool.running, pool.waiting]).toEqual([2, 1]);
    await clock.advance(100);
    expect(done).toEqual([1, 2]);
    await clock.advance(100);
    expect(done).toEqual([1, 2, 3]);
    expect([pool.running, pool.waiting, pool.done]).toEqual([0, 0, 3]);
  });

  it('refuses a query when too many wait, and takes the next one when a place is free', async () => {
    const clock = new TestClock();
    const pool = new WorkerPool(clock, { workers: 1, maxWaiting: 1, serviceMs: () => 100 });
    expect([pool.submit(nothing), pool.submit(nothing), pool.submit(nothing)]).toEqual([true, true, false]);
    await clock.advance(100);
    expect(pool.submit(nothing)).toBe(true);
    expect(pool.queries).toBe(3);
  });

  it('asks what a query takes when it begins, so that a slowness ends for those that still wait', async () => {
    const clock = new TestClock();
    let serviceMs = 1000;
    const pool = new WorkerPool(clock, { workers: 1, maxWaiting: 10, serviceMs: () => serviceMs });
    const done: string[] = [];
    pool.submit(() => done.push('slow'));
    pool.submit(() => done.push('quick'));
    serviceMs = 10;
    await clock.advance(1000);
    expect(done).toEqual(['slow']);
    await clock.advance(10);
    expect(done).toEqual(['slow', 'quick']);
  });

  it('finishes every query it has taken, each once, first come first served', async () => {
    const bursts = array(nat(5), { maxLength: 12 });
    const check = asyncProperty(
      bursts,
      integer({ min: 1, max: 4 }),
      nat(6),
      async (sizes, workers, maxWaiting) => {
        const clock = new TestClock();
        const pool = new WorkerPool(clock, { workers, maxWaiting, serviceMs: () => 7 });
        const taken: number[] = [];
        const done: number[] = [];
        let next = 0;
        for (const size of sizes) {
          for (let n = 0; n < size; n++) {
            const query = next++;
            if (pool.submit(() => done.push(query))) taken.push(query);
          }
          expect(pool.running).toBeLessThanOrEqual(workers);
          expect(pool.waiting).toBeLessThanOrEqual(maxWaiting);
          await clock.advance(5);
        }
        while (pool.running > 0) await clock.advance(7);
        expect(done).toEqual(taken);
        expect([pool.queries, pool.done, pool.waiting]).toEqual([taken.length, taken.length, 0]);
      },
    );
    await assert(check, { numRuns: 40 });
  });
});
