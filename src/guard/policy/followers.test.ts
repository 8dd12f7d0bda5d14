import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { Followers } from './followers.ts';

/** A server that answers an event stream in 10 ms. */
async function used() {
  const clock = new TestClock();
  const followers = new Followers(clock);
  const first = followers.sent('GET');
  await clock.advance(10);
  first?.(true);
  return { clock, followers };
}

describe('Followers', () => {
  it('are late when one waits longer than its kind usually does', async () => {
    const { clock, followers } = await used();
    const one = followers.sent('GET');
    await clock.advance(50);
    expect(followers.late).toBe(false);
    await clock.advance(1);
    expect(followers.late).toBe(true);
    one?.(true);
    expect(followers.late).toBe(false);
  });

  it('are never late where the server has never answered their kind', async () => {
    const { clock, followers } = await used();
    followers.sent('tools/list');
    await clock.advance(4000);
    expect(followers.late).toBe(false);
  });

  it('are given up after 5 s, so that one lost answer does not keep everybody out', async () => {
    const { clock, followers } = await used();
    followers.sent('GET');
    await clock.advance(4999);
    expect(followers.late).toBe(true);
    await clock.advance(1);
    expect(followers.late).toBe(false);
  });

  it('learn that a server is slow by nature', async () => {
    const { clock, followers } = await used();
    for (let turn = 0; turn < 80; turn++) {
      const one = followers.sent('GET');
      await clock.advance(300);
      one?.(true);
    }
    followers.sent('GET');
    await clock.advance(800);
    expect(followers.late).toBe(false);
  });

  it('are only what belongs to a handshake', () => {
    const followers = new Followers(new TestClock());
    expect([followers.sent('tools/call'), followers.sent('resources/read'), followers.sent('')]).toEqual([
      null,
      null,
      null,
    ]);
  });
});
