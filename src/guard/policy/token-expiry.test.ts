import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { EXPIRY_BUCKETS, ExpiryCalendar, jwtExpiry } from './token-expiry.ts';

const START = Date.UTC(2026, 0, 1);
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims: unknown, name = '') => `${part({ alg: 'none' })}.${part(claims)}.${name}`;

function accept(calendar: ExpiryCalendar, token: string): void {
  calendar.seen(token)?.();
}

describe('ExpiryCalendar', () => {
  it('counts tokens by when they expire, from traffic and from token answers, once each', () => {
    const clock = new TestClock(START);
    const calendar = new ExpiryCalendar(clock);
    const one = jwt({ exp: START / 1000 + 45 });
    accept(calendar, one);
    accept(calendar, one);
    calendar.issued('opaque', 300);
    calendar.issued('opaque', 300);
    accept(calendar, 'opaque');
    calendar.issued('far', 10 * 86_400);
    const { within, known } = calendar.view();
    const at = (seconds: (typeof EXPIRY_BUCKETS)[number]) => within[EXPIRY_BUCKETS.indexOf(seconds)];
    expect([at(30), at(60), at(120), at(300), at(86_400), known]).toEqual([0, 1, 1, 2, 2, 3]);
  });

  it('notes nothing before the server has accepted the token, and nothing that says no expiry', () => {
    const calendar = new ExpiryCalendar(new TestClock(START));
    calendar.seen(jwt({ exp: START / 1000 + 45 }));
    accept(calendar, 'opaque');
    accept(calendar, jwt({ exp: START / 1000 - 1 }));
    expect(calendar.view().known).toBe(0);
    expect(calendar.seen('opaque')).toBeNull();
  });

  it('forgets what has expired', async () => {
    const clock = new TestClock(START);
    const calendar = new ExpiryCalendar(clock);
    calendar.issued('a', 30);
    await clock.advance(30_000);
    expect(calendar.view()).toMatchObject({ known: 0, peak: { tokens: 0, inSeconds: 0 } });
  });

  it('finds the cliff: the minute in which the most expire', () => {
    const calendar = new ExpiryCalendar(new TestClock(START));
    for (let one = 0; one < 50; one++) calendar.issued(`spread ${one}`, 60 + one * 60);
    for (let one = 0; one < 40; one++) calendar.issued(`cliff ${one}`, 1815 + one);
    expect(calendar.view().peak.tokens).toBeGreaterThanOrEqual(40);
    expect(calendar.view().peak.inSeconds).toBeGreaterThanOrEqual(1790);
    expect(calendar.view().peak.inSeconds).toBeLessThanOrEqual(1815);
  });

  it('keeps 100,000 tokens, the oldest go first', () => {
    const calendar = new ExpiryCalendar(new TestClock(START));
    calendar.issued('first', 30);
    for (let one = 0; one < 100_000; one++) calendar.issued(`${one}`, 3600);
    const { known, within } = calendar.view();
    expect(known).toBe(100_000);
    expect(within[0]).toBe(0);
  });

  it('counts as a plain count does, whatever expires when', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.001, max: 200_000, noNaN: true })), (lifetimes) => {
        const calendar = new ExpiryCalendar(new TestClock(START));
        lifetimes.forEach((seconds, index) => calendar.issued(`${index}`, seconds));
        const { within, known, peak } = calendar.view();
        const ms = lifetimes.map((seconds) => START + seconds * 1000 - START).filter((left) => left > 0);
        expect(known).toBe(ms.length);
        EXPIRY_BUCKETS.forEach((le, index) =>
          expect(within[index]).toBe(ms.filter((left) => left <= le * 1000).length),
        );
        expect(peak.tokens).toBeLessThanOrEqual(known);
        // A minute of slots holds any 50 s whole.
        const soon = ms.filter((left) => left <= 86_400_000);
        const fullest = Math.max(
          0,
          ...soon.map((from) => soon.filter((left) => left >= from && left < from + 50_000).length),
        );
        expect(peak.tokens).toBeGreaterThanOrEqual(fullest);
      }),
    );
  });
});

describe('jwtExpiry', () => {
  it.each([
    [jwt({ exp: 5 }), 5000],
    [jwt({ exp: 5.5 }), 5500],
    [jwt({ exp: '5' }), Number.POSITIVE_INFINITY],
    [jwt({ exp: -5 }), Number.POSITIVE_INFINITY],
    [jwt({ exp: 1e308 }), Number.POSITIVE_INFINITY],
    [jwt({}), Number.POSITIVE_INFINITY],
    [jwt(null), Number.POSITIVE_INFINITY],
    [jwt([1]), Number.POSITIVE_INFINITY],
    ['a.b.c', Number.POSITIVE_INFINITY],
    ['a.b', Number.POSITIVE_INFINITY],
    [`${jwt({ exp: 5 })}.d.e`, Number.POSITIVE_INFINITY],
    ['', Number.POSITIVE_INFINITY],
    [jwt({ exp: 5, x: 'x'.repeat(20_000) }), Number.POSITIVE_INFINITY],
  ])('of %.20s… is %d ms', (token, ms) => {
    expect(jwtExpiry(token)).toBe(ms);
  });

  it('survives any token', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 5 }), (parts) => {
        expect(jwtExpiry(parts.join('.'))).toBeGreaterThan(0);
      }),
    );
  });
});
