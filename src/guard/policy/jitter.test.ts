import { describe, expect, it } from 'vitest';
import { abandonedInFlight, maxInFlight, retryAfterSeconds, retryMs } from './jitter.ts';

describe('spreading', () => {
  it('gives whole seconds from 1 to the window', () => {
    expect([0, 0.5, 0.9999].map((part) => retryAfterSeconds(30, () => part))).toEqual([1, 16, 30]);
    expect([0, 0.9999].map((part) => retryAfterSeconds(0, () => part))).toEqual([1, 5]);
    expect(retryAfterSeconds(0.2, () => 0.9999)).toBe(1);
  });

  it('gives milliseconds over the whole window', () => {
    expect([0, 0.5, 1].map((part) => retryMs(30, () => part))).toEqual([0, 15_000, 30_000]);
    expect(retryMs(0, () => 0.7)).toBe(0);
  });
});

describe('work that nobody waits for', () => {
  it('is finished while the lever is off, or the backlog is shallow', () => {
    expect(abandonedInFlight(5000, 0)).toBe('finish');
    expect(abandonedInFlight(10, 50)).toBe('finish');
  });

  it('is taken back from a deep backlog', () => {
    expect(abandonedInFlight(13, 50)).toBe('reset');
    expect(abandonedInFlight(5, 1)).toBe('reset');
  });

  it('is bounded by what may be in flight', () => {
    expect([0, 1, 50, 50.5].map(maxInFlight)).toEqual([Number.POSITIVE_INFINITY, 4, 50, 51]);
  });
});
