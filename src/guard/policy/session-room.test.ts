import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { SessionRoom } from './session-room.ts';
import { SessionTable } from './sessions.ts';
import { UpstreamSet } from './upstreams.ts';

function room(maxSessions: number) {
  const clock = new TestClock();
  const levers = { maxSessions, initQueueSeconds: 4 };
  const upstream = new UpstreamSet(clock).set(['http://a:1']).added[0]!;
  const sessions = new SessionTable(clock, {
    maxEntries: 1000,
    idleSeconds: 600,
    activeSeconds: 60,
    maxLost: 1000,
    lostSeconds: 60,
  });
  return {
    clock,
    levers,
    sessions,
    room: new SessionRoom(sessions, () => levers),
    open: (id: string) => sessions.add(id, upstream, '/mcp'),
  };
}

const gone = (one: { room: SessionRoom }) => [...one.room.surplus()].map(({ id }) => id);

describe('SessionRoom', () => {
  it('has no bound while the lever is off', () => {
    const one = room(0);
    for (let id = 0; id < 50; id++) one.open(String(id));
    expect([one.room.state(10), gone(one)]).toEqual(['open', []]);
  });

  it('ends the ones that have been idle longest, and tells that they are gone', async () => {
    const one = room(2);
    for (const id of ['a', 'b']) {
      one.open(id);
      await one.clock.advance(5000);
    }
    one.sessions.use('a');
    one.open('c');
    expect(gone(one)).toEqual(['b']);
    expect([one.sessions.isLost('b'), one.sessions.lostTotal, one.sessions.endedTotal]).toEqual([true, 0, 1]);
  });

  it('lets newcomers wait for a session to become idle, and refuses them where none will', async () => {
    const one = room(1);
    const a = one.open('a');
    expect(one.room.state(0)).toBe('hold');
    a.calls += 1;
    expect(one.room.state(0)).toBe('full');
    a.calls -= 1;
    one.levers.initQueueSeconds = 1;
    expect(one.room.state(0)).toBe('full');
    await one.clock.advance(2500);
    expect(one.room.state(0)).toBe('hold');
    await one.clock.advance(500);
    expect(one.room.state(0)).toBe('open');
    // Room for one, which somebody is taking already.
    expect(one.room.state(1)).toBe('full');
  });

  it('takes a lower bound into account at once, but leaves those in use', async () => {
    const one = room(3);
    for (const id of ['a', 'b', 'c']) one.open(id).calls = id === 'a' ? 1 : 0;
    await one.clock.advance(5000);
    one.levers.maxSessions = 1;
    expect(gone(one)).toEqual(['b', 'c']);
    expect(one.sessions.size).toBe(1);
  });

  it('never ends one in use, and never ends one while another has been idle for longer', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('open' as const), id: fc.integer({ min: 0, max: 8 }) }),
      fc.record({ do: fc.constant('use' as const), id: fc.integer({ min: 0, max: 8 }) }),
      fc.record({
        do: fc.constantFrom('call' as const, 'answer' as const),
        id: fc.integer({ min: 0, max: 8 }),
      }),
      fc.record({ do: fc.constant('wait' as const), id: fc.integer({ min: 0, max: 5000 }) }),
    );
    return fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const one = room(3);
        const live = new Map<string, { calls: number; seenAt: number }>();
        for (const { do: what, id } of steps) {
          const name = String(id);
          if (what === 'open' && !live.has(name)) live.set(name, one.open(name));
          if (what === 'use') one.sessions.use(name);
          const session = live.get(name);
          if (what === 'call' && session) session.calls += 1;
          if (what === 'answer' && session && session.calls > 0) session.calls -= 1;
          if (what === 'wait') await one.clock.advance(id);
          for (const ended of gone(one)) {
            const { calls, seenAt } = live.get(ended)!;
            live.delete(ended);
            expect(calls).toBe(0);
            expect(one.clock.monotonic() - seenAt).toBeGreaterThanOrEqual(3000);
            for (const other of live.values())
              if (other.calls === 0) expect(other.seenAt).toBeGreaterThanOrEqual(seenAt);
          }
        }
      }),
    );
  });
});
