import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { RefreshThrottle, retryAfterOf } from './refresh-throttle.ts';

const PATIENCE = 20;

function makeThrottle() {
  const clock = new TestClock();
  let changes = 0;
  const throttle = new RefreshThrottle(clock, () => (changes += 1));
  /** Sends while the gate is open; how many went. */
  const fill = () => {
    let sent = 0;
    for (; throttle.gate(PATIENCE) === 'open'; sent++) throttle.sent();
    return sent;
  };
  const serve = (count: number) => {
    for (let one = 0; one < count; one++) {
      throttle.served();
      throttle.ended();
    }
  };
  return { clock, throttle, fill, serve, changes: () => changes };
}

describe('RefreshThrottle', () => {
  it('lets 256 be under way when all is well', () => {
    const { fill, serve } = makeThrottle();
    expect(fill()).toBe(256);
    serve(256);
    expect(fill()).toBe(256);
  });

  it('holds for as long as it was asked, tells when that is over, and then begins with one', async () => {
    const { clock, throttle, fill, serve, changes } = makeThrottle();
    throttle.sent();
    throttle.throttled(7);
    throttle.ended();
    expect(throttle.gate(PATIENCE)).toBe('hold');
    expect(throttle.heldSeconds).toBe(7);
    const before = changes();
    await clock.advance(7_000);
    expect(changes()).toBe(before + 1);
    for (const round of [1, 2, 4, 8]) {
      expect(fill()).toBe(round);
      serve(round);
    }
  });

  it('ends a hold when it tells so, though timers are a little early', async () => {
    const clock = new (class extends TestClock {
      override after(ms: number, task: () => void) {
        return super.after(ms - 0.5, task);
      }
    })();
    const gates: string[] = [];
    const throttle = new RefreshThrottle(clock, () => gates.push(throttle.gate(PATIENCE)));
    throttle.throttled(2);
    await clock.advance(1_999.5);
    expect(gates).toEqual(['open']);
  });

  it('says at once that it is no use to wait when the hold is longer than the patience', () => {
    const { throttle } = makeThrottle();
    throttle.throttled(PATIENCE + 1);
    expect(throttle.gate(PATIENCE)).toBe('full');
  });

  it('guesses a hold that doubles, when it is not told, until the server serves again', async () => {
    const { clock, throttle } = makeThrottle();
    const holds: number[] = [];
    for (let round = 0; round < 7; round++) {
      throttle.throttled(null);
      throttle.throttled(null);
      holds.push(throttle.heldSeconds);
      await clock.advance(60_000);
    }
    expect(holds).toEqual([1, 2, 4, 8, 16, 16, 16]);
    throttle.served();
    throttle.throttled(null);
    expect(throttle.heldSeconds).toBe(1);
  });

  it('heeds no more than two minutes, and never shortens a hold', () => {
    const { throttle } = makeThrottle();
    throttle.throttled(86_400);
    expect(throttle.heldSeconds).toBe(120);
    throttle.throttled(1);
    expect(throttle.heldSeconds).toBe(120);
  });
});

describe('retryAfterOf', () => {
  const now = Date.UTC(2026, 0, 1);
  it.each([
    ['7', 7],
    [' 0 ', 0],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
    ['', null],
    ['-1', null],
    ['1.5', null],
    ['soon', null],
    ['99999999999999', null],
    ['2026', 2026],
  ])('reads %j as %s', (text, seconds) => {
    expect(retryAfterOf(text, now)).toBe(seconds);
  });
});
