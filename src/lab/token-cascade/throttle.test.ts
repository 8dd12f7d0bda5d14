import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { Throttle } from './throttle.ts';

function admitted(throttle: Throttle, address: string, asked: number): number {
  return Array.from({ length: asked }, () => throttle.admits(address)).filter(Boolean).length;
}

describe('a throttle in front of a token endpoint', () => {
  it('lets a second of requests through at once, then as many a second', async () => {
    const clock = new TestClock();
    const throttle = new Throttle(10, clock);
    expect(admitted(throttle, 'a', 100)).toBe(10);
    await clock.advance(500);
    expect(admitted(throttle, 'a', 100)).toBe(5);
    await clock.advance(3_600_000);
    expect(admitted(throttle, 'a', 100)).toBe(10);
  });

  it('loses no fraction to those it turns away', async () => {
    const clock = new TestClock();
    const throttle = new Throttle(1, clock);
    let passed = 0;
    for (let ms = 0; ms < 10_000; ms += 100) {
      passed += admitted(throttle, 'a', 1);
      await clock.advance(100);
    }
    expect(passed).toBe(10);
  });

  it('holds each address by itself, and forgets the oldest of too many', () => {
    const throttle = new Throttle(1, new TestClock());
    expect(admitted(throttle, 'first', 2)).toBe(1);
    for (let number = 0; number < 10_000; number++) expect(throttle.admits(`address-${number}`)).toBe(true);
    expect(throttle.admits('address-9999')).toBe(false);
    expect(throttle.admits('first')).toBe(true);
  });
});
