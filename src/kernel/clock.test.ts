import { describe, expect, it } from 'vitest';
import { systemClock, TestClock } from './clock.ts';

describe('TestClock', () => {
  it('fires timers in the order they fall due, at their own time', async () => {
    const clock = new TestClock(1000);
    const fired: [string, number][] = [];
    clock.after(20, () => fired.push(['second', clock.now()]));
    clock.after(10, () => fired.push(['first', clock.now()]));
    clock.after(30, () => fired.push(['later', clock.now()]));
    await clock.advance(25);
    expect(fired).toEqual([
      ['first', 1010],
      ['second', 1020],
    ]);
    expect(clock.now()).toBe(1025);
    expect(clock.pending).toBe(1);
  });

  it('fires what a timer starts, when it falls due within the same advance', async () => {
    const clock = new TestClock();
    let rounds = 0;
    const loop = async () => {
      for (;;) {
        await clock.sleep(10);
        rounds++;
      }
    };
    void loop();
    await clock.advance(100);
    expect(rounds).toBe(10);
  });

  it('does not fire what was cancelled, and rejects a sleep that is aborted', async () => {
    const clock = new TestClock();
    const stop = new AbortController();
    const sleep = clock.sleep(10, stop.signal);
    clock.after(5, () => expect.unreachable())();
    stop.abort(new Error('stopped'));
    await expect(sleep).rejects.toThrow('stopped');
    await clock.advance(20);
    expect(clock.pending).toBe(0);
  });

  it('lets the wall clock jump while durations stay true', () => {
    const clock = new TestClock(5000);
    clock.jump(-3000);
    expect(clock.now()).toBe(2000);
    expect(clock.monotonic()).toBe(0);
  });
});

describe('systemClock', () => {
  it('rejects a sleep whose signal is or gets aborted', async () => {
    await expect(systemClock.sleep(10_000, AbortSignal.abort(new Error('already')))).rejects.toThrow(
      'already',
    );
    const stop = new AbortController();
    const sleep = systemClock.sleep(10_000, stop.signal);
    stop.abort(new Error('now'));
    await expect(sleep).rejects.toThrow('now');
  });
});
