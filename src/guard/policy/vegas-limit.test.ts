import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { VegasLimit } from './vegas-limit.ts';

/** A server with so many workers, first come, first served, and everybody sends as much as the limit allows. */
async function load(server: {
  workers: number;
  serviceMs: () => number;
  seconds: number;
  limit?: VegasLimit;
  clock?: TestClock;
}) {
  const clock = server.clock ?? new TestClock();
  const limit = server.limit ?? new VegasLimit(clock);
  const end = clock.monotonic() + server.seconds * 1000;
  const free = Array.from({ length: server.workers }, () => clock.monotonic());
  let inHand = 0;
  let most = 0;
  let answered = 0;
  const fill = () => {
    while (inHand < limit.limit) {
      inHand += 1;
      most = Math.max(most, inHand);
      const sentAt = clock.monotonic();
      const sentWith = inHand;
      const worker = free.indexOf(Math.min(...free));
      const doneAt = Math.max(free[worker]!, sentAt) + server.serviceMs();
      free[worker] = doneAt;
      clock.after(doneAt - sentAt, () => {
        inHand -= 1;
        answered += 1;
        limit.answered(clock.monotonic() - sentAt, sentWith);
        if (clock.monotonic() < end) fill();
      });
    }
  };
  fill();
  while (clock.monotonic() < end) await clock.advance(50);
  return { perSecond: answered / server.seconds, most, limit, clock };
}

describe('VegasLimit', () => {
  it.each([
    { workers: 1, serviceMs: 10 },
    { workers: 1, serviceMs: 200 },
    { workers: 8, serviceMs: 40 },
    { workers: 60, serviceMs: 100 },
  ])('keeps a server of %o busy, and hardly anybody waiting in it', async ({ workers, serviceMs }) => {
    const capacity = (workers * 1000) / serviceMs;
    const seconds = Math.max(20, 0.4 * serviceMs);
    const { perSecond, limit } = await load({ workers, serviceMs: () => serviceMs, seconds });
    expect(perSecond).toBeGreaterThan(capacity * 0.85);
    expect(limit.limit).toBeLessThanOrEqual(workers + Math.ceil(Math.sqrt(workers)));
  });

  it('is not misled by a server whose answers vary', async () => {
    let turn = 0;
    const varied = [4, 30, 6, 12, 3, 20, 5, 16];
    const mean = varied.reduce((sum, one) => sum + one) / varied.length;
    const { perSecond } = await load({
      workers: 4,
      serviceMs: () => varied[turn++ % varied.length]!,
      seconds: 30,
    });
    expect(perSecond).toBeGreaterThan(((4 * 1000) / mean) * 0.8);
  });

  it('follows a server that becomes slower, and one that becomes faster again', async () => {
    const first = await load({ workers: 1, serviceMs: () => 10, seconds: 20 });
    const slower = await load({ workers: 1, serviceMs: () => 50, seconds: 90, ...first });
    expect(slower.perSecond).toBeGreaterThan(17);
    expect(slower.limit.limit).toBeLessThanOrEqual(2);
    const faster = await load({ workers: 1, serviceMs: () => 10, seconds: 60, ...slower });
    expect(faster.perSecond).toBeGreaterThan(85);
  });

  it('takes back half when answers stay away, and finds its way up again', async () => {
    const { limit, clock } = await load({ workers: 60, serviceMs: () => 100, seconds: 5 });
    const before = limit.limit;
    limit.failed();
    expect(limit.limit).toBe(Math.floor(before / 2));
    for (let turn = 0; turn < 10; turn++) limit.failed();
    expect(limit.limit).toBe(1);
    const { perSecond } = await load({ workers: 60, serviceMs: () => 100, seconds: 30, limit, clock });
    expect(perSecond).toBeGreaterThan(400);
  });

  it('stays between 1 and 1000, whatever it is told', () => {
    const told = fc.oneof(
      fc.constant('failed' as const),
      fc.tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.integer({ min: 1, max: 2000 })),
    );
    fc.assert(
      fc.property(fc.array(told, { maxLength: 300 }), (events) => {
        const limit = new VegasLimit(new TestClock());
        for (const event of events) {
          if (event === 'failed') limit.failed();
          else limit.answered(...event);
          expect(limit.limit).toBeGreaterThanOrEqual(1);
          expect(limit.limit).toBeLessThanOrEqual(1000);
        }
      }),
    );
  });
});
