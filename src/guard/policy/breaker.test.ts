import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Breaker, type Probe } from './breaker.ts';

/** Enters and ends a call at once. */
function call(breaker: Breaker, now: number, evidence: 'answers' | 'fails' | 'nothing'): void {
  expect(breaker.waitMs(now)).toBe(0);
  breaker.ended(now, now, breaker.enter(now), evidence);
}

function opened(now = 0): Breaker {
  const breaker = new Breaker();
  for (let round = 0; round < 5; round++) call(breaker, now, 'fails');
  expect(breaker.state(now)).toBe('open');
  return breaker;
}

describe('Breaker', () => {
  it('opens when at least five calls, and half of those of the last 20 s, failed', () => {
    const breaker = new Breaker();
    for (let round = 0; round < 5; round++) {
      call(breaker, round, 'answers');
      expect(breaker.state(round)).toBe('closed');
      call(breaker, round, 'fails');
    }
    expect(breaker.state(5)).toBe('open');
  });

  it('opens after ten failures in a row, however many successes there were before', () => {
    const breaker = new Breaker();
    for (let round = 0; round < 1000; round++) call(breaker, 0, 'answers');
    for (let round = 0; round < 9; round++) call(breaker, round * 60_000, 'fails');
    expect(breaker.state(540_000)).toBe('closed');
    call(breaker, 540_000, 'fails');
    expect(breaker.state(540_000)).toBe('open');
  });

  it('stays closed when calls end without evidence, or fail now and then', () => {
    const breaker = new Breaker();
    for (let round = 0; round < 100; round++) call(breaker, round, 'nothing');
    for (let round = 0; round < 100; round++)
      call(breaker, round * 3000, round % 3 === 0 ? 'fails' : 'answers');
    expect(breaker.state(300_000)).toBe('closed');
  });

  it('says how long to wait, then lets one probe through and one more for each that was answered', () => {
    const breaker = opened(1000);
    expect(breaker.waitMs(1500)).toBe(1500);
    expect(breaker.state(3000)).toBe('half-open');
    const first = breaker.enter(3000);
    expect(breaker.waitMs(3000)).toBeGreaterThan(0);
    breaker.ended(3010, 3000, first, 'answers');
    const [second, third] = [breaker.enter(3010), breaker.enter(3010)];
    expect(breaker.waitMs(3010)).toBeGreaterThan(0);
    breaker.ended(3020, 3010, second, 'answers');
    expect(breaker.state(3020)).toBe('half-open');
    breaker.ended(3020, 3010, third, 'answers');
    expect(breaker.state(3020)).toBe('closed');
    expect(breaker.recoveries).toBe(1);
  });

  it('opens again when a probe fails, and gives its place away when one ends without evidence', () => {
    const breaker = opened();
    breaker.ended(2001, 2000, breaker.enter(2000), 'nothing');
    expect(breaker.waitMs(2001)).toBe(0);
    breaker.ended(2002, 2001, breaker.enter(2001), 'fails');
    expect(breaker.waitMs(2002)).toBe(2000);
  });

  it('does not wait for a probe that hangs', () => {
    const breaker = opened();
    const hanging = breaker.enter(2000);
    expect(breaker.state(2999)).toBe('half-open');
    expect(breaker.state(3000)).toBe('open');
    expect(breaker.state(5000)).toBe('half-open');
    breaker.ended(5000, 2000, hanging, 'fails');
    expect(breaker.state(5000)).toBe('half-open');
  });

  it('lets a tool come back that always takes long', () => {
    const breaker = opened();
    const slow = breaker.enter(2000);
    breaker.ended(8000, 2000, slow, 'answers');
    expect(breaker.state(8000)).toBe('half-open');
    const more = [breaker.enter(8000), breaker.enter(8000)];
    expect(breaker.state(14_000)).toBe('half-open');
    for (const probe of more) breaker.ended(14_000, 8000, probe, 'answers');
    expect(breaker.state(14_000)).toBe('closed');
  });

  it('holds calls of before the recovery against nobody', () => {
    const breaker = opened();
    for (let round = 0; round < 3; round++) call(breaker, 2000, 'answers');
    for (let round = 0; round < 50; round++) breaker.ended(2500, 100, null, 'fails');
    expect(breaker.state(2500)).toBe('closed');
  });

  it('is closed within 5 s of steady calls once they are answered, whatever was before', () => {
    const happening = fc.record({
      after: fc.nat(3000),
      evidence: fc.constantFrom('answers', 'fails', 'nothing', 'hangs' as const),
      lasts: fc.nat(20_000),
    });
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 80 }), (happenings) => {
        const breaker = new Breaker();
        const running: {
          at: number;
          probe: Probe | null;
          ends: number;
          evidence: 'fails' | 'answers' | 'nothing';
        }[] = [];
        let now = 0;
        const end = (until: number) => {
          for (const one of running.splice(0).toSorted((a, b) => a.ends - b.ends)) {
            if (one.ends <= until) breaker.ended(one.ends, one.at, one.probe, one.evidence);
            else running.push(one);
          }
          now = until;
        };
        for (const { after, evidence, lasts } of happenings) {
          end(now + after);
          if (breaker.waitMs(now) > 0) continue;
          const before = breaker.state(now);
          const probe = breaker.enter(now);
          expect(probe === null).toBe(before === 'closed');
          const ends = evidence === 'hangs' ? Number.POSITIVE_INFINITY : now + lasts;
          // What takes very long would move the patience: this is about a tool that answers quickly when it does.
          const fast = evidence === 'answers' ? now + (lasts % 400) : ends;
          running.push({ at: now, probe, ends: fast, evidence: evidence === 'hangs' ? 'nothing' : evidence });
          const probes = running.filter((one) => one.probe !== null && now - one.at < 1000).length;
          if (before !== 'closed') expect(probes).toBeLessThanOrEqual(3);
        }
        const healed = now;
        while (now < healed + 5000) {
          end(now + 50);
          if (breaker.waitMs(now) === 0) breaker.ended(now, now - 20, breaker.enter(now), 'answers');
        }
        expect(breaker.state(now)).toBe('closed');
      }),
    );
  });
});
