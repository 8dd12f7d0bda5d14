import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_ATTEMPTS, MAX_REFUSALS, nextAttempt, parseRetryAfter } from './retry.ts';

const failure = { error: 'HTTP 500', refused: false, retryAfterMs: null };

describe('the next attempt', () => {
  it('comes later each time, up to a quarter of an hour, for about a day', () => {
    const waits: number[] = [];
    for (let attempts = 1; ; attempts++) {
      const wait = nextAttempt(attempts, failure, 0.5);
      if (wait === null) break;
      waits.push(wait);
    }
    expect(waits.slice(0, 4)).toEqual([1_500, 3_000, 6_000, 12_000]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(900_000);
    const hours = waits.reduce((sum, wait) => sum + wait, 0) / 3_600_000;
    expect(hours).toBeGreaterThan(18);
    expect(hours).toBeLessThan(26);
  });

  it('of a target that refuses ends after some minutes', () => {
    expect(nextAttempt(MAX_REFUSALS - 1, { ...failure, refused: true }, 0)).not.toBeNull();
    expect(nextAttempt(MAX_REFUSALS, { ...failure, refused: true }, 0)).toBeNull();
  });

  it('is never sooner than the target asked for, and never much later than that or its turn', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: MAX_ATTEMPTS - 1 }),
        fc.nat(10_000_000),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempts, retryAfterMs, random) => {
          const wait = nextAttempt(attempts, { ...failure, retryAfterMs }, random)!;
          expect(wait).toBeGreaterThanOrEqual(Math.min(retryAfterMs, 3_600_000));
          expect(wait).toBeLessThanOrEqual(3_600_000);
        },
      ),
    );
  });

  it('understands Retry-After in seconds and as a date', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    expect(parseRetryAfter('120', now)).toBe(120_000);
    expect(parseRetryAfter('Thu, 01 Jan 2026 00:00:30 GMT', now)).toBe(30_000);
    expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0);
    expect(parseRetryAfter('soon', now)).toBeNull();
    expect(parseRetryAfter(null, now)).toBeNull();
  });
});
