import { describe, expect, it } from 'vitest';
import { retryAfterSeconds, retryMs } from './jitter.ts';

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
