import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlidingCounts } from './sliding-counts.ts';

describe('SlidingCounts', () => {
  it('counts what happened in the window, give or take its tenth', () => {
    const event = fc.record({ after: fc.nat(5000), which: fc.constantFrom('first', 'second' as const) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), fc.nat(30_000), (events, rest) => {
        const counts = new SlidingCounts(10_000);
        const seen: { at: number; which: string }[] = [];
        let now = 0;
        for (const { after, which } of events) {
          now += after;
          counts.add(now, which, 1);
          seen.push({ at: now, which });
        }
        now += rest;
        for (const which of ['first', 'second'] as const) {
          const within = (ms: number) =>
            seen.filter((one) => one.which === which && now - one.at < ms).length;
          expect(counts[which](now)).toBeGreaterThanOrEqual(within(9000));
          expect(counts[which](now)).toBeLessThanOrEqual(within(10_000));
        }
      }),
    );
  });
});
