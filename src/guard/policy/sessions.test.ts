import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { SessionTable } from './sessions.ts';
import { type Upstream, UpstreamSet } from './upstreams.ts';

function table() {
  const clock = new TestClock();
  const upstreams = new UpstreamSet(clock);
  const [a, b] = upstreams.set(['http://a:1', 'http://b:1']).added as [Upstream, Upstream];
  const sessions = new SessionTable(clock, {
    maxEntries: 3,
    idleSeconds: 60,
    activeSeconds: 30,
    maxLost: 2,
    lostSeconds: 10,
  });
  return { clock, sessions, a, b };
}

describe('SessionTable', () => {
  it('counts sessions by upstream as they come and go', () => {
    const { sessions, a, b } = table();
    sessions.add('1', a, '/mcp');
    sessions.add('2', b, '/mcp');
    sessions.add('1', b, '/mcp');
    expect([a.sessions, b.sessions, sessions.size]).toEqual([0, 2, 2]);
    sessions.forget('1');
    sessions.forget('1');
    expect([b.sessions, sessions.size, sessions.lostTotal]).toEqual([1, 1, 0]);
  });

  it('forgets the one that is idle longest when it is full', async () => {
    const { clock, sessions, a } = table();
    for (const id of ['1', '2', '3']) sessions.add(id, a, '/');
    // Always in use, and never twice within a second of the order of use.
    for (let turn = 0; turn < 4; turn++) {
      await clock.advance(400);
      sessions.use('1');
    }
    sessions.add('4', a, '/');
    expect(sessions.use('2')).toBeUndefined();
    expect(sessions.use('1')).toBeDefined();
    expect(a.sessions).toBe(3);
  });

  it('loses all of one upstream, counts each once, and remembers a bounded number for a while', async () => {
    const { clock, sessions, a, b } = table();
    const first = sessions.add('1', a, '/');
    sessions.add('2', b, '/');
    sessions.add('3', a, '/');
    expect(sessions.loseAll(a)).toBe(2);
    sessions.lose(first);
    expect([sessions.lostTotal, sessions.size, a.sessions]).toEqual([2, 1, 0]);
    expect(sessions.isLost('1')).toBe(true);
    sessions.loseAll(b);
    expect(sessions.isLost('1')).toBe(false);
    expect(sessions.isLost('2')).toBe(true);
    await clock.advance(10_000);
    expect(sessions.isLost('2')).toBe(false);
  });

  it('takes as in use what has a stream open or was used lately', async () => {
    const { clock, sessions, a } = table();
    sessions.add('left without a word', a, '/');
    sessions.add('listening', a, '/').streams = 1;
    sessions.add('calling', a, '/');
    expect(sessions.active).toBe(3);
    await clock.advance(31_000);
    sessions.use('calling');
    expect([sessions.active, sessions.size]).toEqual([2, 3]);
  });

  it('stops counting sessions that nobody uses, but not those with an open stream', async () => {
    const { clock, sessions, a } = table();
    sessions.add('1', a, '/').streams = 1;
    sessions.add('2', a, '/');
    await clock.advance(59_000);
    sessions.add('3', a, '/');
    await clock.advance(1000);
    sessions.sweep();
    expect(sessions.use('1')).toBeDefined();
    expect(sessions.use('2')).toBeUndefined();
    expect(sessions.size).toBe(2);
  });
});
