import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from './units.ts';

describe('parseDuration', () => {
  it.each([
    ['5m', 300],
    ['1h30m', 5400],
    ['90d', 7_776_000],
    ['200ms', 0.2],
    ['5 minutes', 300],
    ['1 hour 5 sec', 3605],
    ['15', 15],
    ['0.5s', 0.5],
  ])('reads %s as %d seconds', (text, seconds) => {
    expect(parseDuration(text)).toBeCloseTo(seconds, 9);
  });

  it.each(['', 'soon', '5 parsecs', 'm5', '5m!', '-5m', '5 constructor', '1e400'])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('never throws and never gives NaN or infinity, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const seconds = parseDuration(text);
        expect(seconds === undefined || Number.isFinite(seconds)).toBe(true);
      }),
    );
  });
});

describe('formatDuration', () => {
  it.each([
    [0.08, '80 ms'],
    [0.9999, '1.0 s'],
    [4.21, '4.2 s'],
    [59.6, '1 min'],
    [65, '1 min 5 s'],
    [7800, '2 h 10 min'],
    [273_600, '3 d 4 h'],
    [-5, '-5.0 s'],
  ])('writes %d as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it('writes what parseDuration reads back, within the precision shown', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 3599 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds))).toBe(seconds);
      }),
    );
  });
});
