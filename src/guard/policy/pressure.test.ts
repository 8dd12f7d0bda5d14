import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { type InHand, Pressure } from './pressure.ts';

async function calmAnswers(clock: TestClock, pressure: Pressure, ms: number) {
  for (let count = 0; count < 30; count++) {
    const one = pressure.send();
    await clock.advance(ms);
    one.done(true);
  }
}

describe('Pressure', () => {
  it('takes no more while the oldest of several in hand is late, and again as they are answered', async () => {
    const clock = new TestClock();
    const pressure = new Pressure(clock);
    await calmAnswers(clock, pressure, 12);
    const sent: InHand[] = [];
    for (let count = 0; count < 6; count++) {
      sent.push(pressure.send());
      await clock.advance(100);
    }
    expect(pressure.canTake('paced')).toBe(false);
    sent[0]!.done(true);
    sent[0]!.done(true);
    expect(pressure.canTake('paced')).toBe(false);
    sent[1]!.done(false);
    expect([pressure.inHand, pressure.canTake('paced')]).toEqual([4, true]);
  });

  it('lets a few through whatever happens', async () => {
    const clock = new TestClock();
    const pressure = new Pressure(clock);
    for (let count = 0; count < 3; count++) pressure.send();
    await clock.advance(20_000);
    expect(pressure.canTake('paced')).toBe(true);
    pressure.send();
    expect(pressure.canTake('paced')).toBe(false);
  });

  it('is more patient with a server that is slow when calm, within bounds', async () => {
    const clock = new TestClock();
    const pressure = new Pressure(clock);
    await calmAnswers(clock, pressure, 500);
    for (let count = 0; count < 5; count++) pressure.send();
    await clock.advance(1400);
    expect(pressure.canTake('paced')).toBe(true);
    await clock.advance(200);
    expect(pressure.canTake('paced')).toBe(false);
  });

  it('learns nothing of calm from a crowd or from what never came', async () => {
    const clock = new TestClock();
    const pressure = new Pressure(clock);
    const crowd = Array.from({ length: 10 }, () => pressure.send());
    for (const one of crowd.slice(2)) one.done(true);
    await clock.advance(5000);
    for (const one of crowd) one.done(false);
    for (let count = 0; count < 4; count++) pressure.send();
    await clock.advance(401);
    expect(pressure.canTake('paced')).toBe(false);
  });

  it('without a pace only bounds how many are in hand', async () => {
    const clock = new TestClock();
    const pressure = new Pressure(clock);
    for (let count = 0; count < 255; count++) pressure.send();
    await clock.advance(60_000);
    expect(pressure.canTake('free')).toBe(true);
    pressure.send();
    expect(pressure.canTake('free')).toBe(false);
  });

  it('without a pace lets a fast server have what it works off in four seconds, within bounds', async () => {
    const clock = new TestClock();
    const pressure = new Pressure(clock);
    const sent: InHand[] = [];
    for (let second = 0; second < 3; second++) {
      for (let count = 0; count < 100; count++) pressure.send().done(true);
      await clock.advance(1000);
    }
    while (pressure.canTake('free')) sent.push(pressure.send());
    expect(sent).toHaveLength(400);
    for (const one of sent) one.done(true);
    for (let count = 0; count < 5000; count++) pressure.send().done(true);
    await clock.advance(1000);
    let more = 0;
    for (; pressure.canTake('free'); more++) pressure.send();
    expect(more).toBe(1000);
  });

  it('with a pace, is not blocked for ever by some that the server never answers', async () => {
    const clock = new TestClock();
    const pressure = new Pressure(clock);
    for (let count = 0; count < 5; count++) pressure.send();
    await clock.advance(29_000);
    expect(pressure.canTake('paced')).toBe(false);
    await clock.advance(1001);
    for (let count = 0; count < 4; count++) pressure.send();
    await clock.advance(300);
    expect(pressure.canTake('paced')).toBe(true);
    await clock.advance(200);
    expect(pressure.canTake('paced')).toBe(false);
  });

  it('with auto, is not blocked for ever by one that the server never answers', async () => {
    const clock = new TestClock();
    const pressure = new Pressure(clock);
    pressure.send();
    expect(pressure.canTake('auto')).toBe(false);
    await clock.advance(2001);
    expect(pressure.canTake('auto')).toBe(true);
    pressure.send();
    expect(pressure.canTake('auto')).toBe(false);
  });
});
