import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

/** How many of `tries` retries pass. */
function passing(budget: RetryBudget, now: number, share: number, tries: number): number {
  let passed = 0;
  for (let round = 0; round < tries; round++) {
    if (!budget.allows(now, share)) continue;
    budget.passed(now, true);
    passed += 1;
  }
  return passed;
}

describe('RetryBudget', () => {
  it.each([
    [0.1, 100, 10],
    [0.1, 30, 3],
    [0.29, 100, 29],
    [0.2, 4, 1],
    [0.1, 0, 1],
    [0, 100, 0],
    [2, 3, 6],
  ])('with a share of %d lets for %d first calls %d retries through', (share, first, retries) => {
    const budget = new RetryBudget();
    for (let round = 0; round < first; round++) budget.passed(1000, false);
    expect(passing(budget, 1000, share, 1000)).toBe(retries);
  });

  it('forgets after a minute, so that a lone caller may try again', () => {
    const budget = new RetryBudget();
    expect(passing(budget, 0, 0.1, 10)).toBe(1);
    expect(passing(budget, 50_000, 0.1, 10)).toBe(0);
    expect(passing(budget, 60_000, 0.1, 10)).toBe(1);
  });

  it('never lets more through than the share of the first calls and one a minute', () => {
    const event = fc.record({ after: fc.nat(4000), retry: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 300 }),
        fc.constantFrom(0.05, 0.1, 0.5, 1),
        (events, share) => {
          const budget = new RetryBudget();
          let [now, first, retries] = [0, 0, 0];
          for (const { after, retry } of events) {
            now += after;
            if (retry && !budget.allows(now, share)) continue;
            budget.passed(now, retry);
            if (retry) retries += 1;
            else first += 1;
          }
          expect(retries).toBeLessThanOrEqual(share * first + 1 + now / 54_000);
        },
      ),
    );
  });
});
