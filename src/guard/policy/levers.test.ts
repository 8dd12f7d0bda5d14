import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { LeverBoard, type LeverEvent } from './levers.ts';

function board(base: Record<string, string> = {}) {
  const clock = new TestClock();
  const events: LeverEvent[] = [];
  const levers = new LeverBoard(
    clock,
    { UPSTREAMS: 'http://a:1', ...base },
    (event) => void events.push(event),
  );
  return { clock, events, levers };
}

const by = { reason: 'storm', actor: 'ada' };

describe('LeverBoard', () => {
  it('starts at the environment, and reads off in all its spellings', () => {
    const { levers } = board({
      MAX_INIT_PER_SECOND: '0',
      MAX_SESSIONS: 'off',
      RECONNECT_JITTER_SECONDS: ' 30 ',
    });
    expect(levers.list().map(({ name, value, base, held }) => [name, value, base, held])).toEqual([
      ['MAX_INIT_PER_SECOND', '', '', null],
      ['INIT_QUEUE_SECONDS', '4', '4', null],
      ['MAX_SESSIONS', '', '', null],
      ['RECONNECT_JITTER_SECONDS', '30', '30', null],
      ['TOKEN_REFRESH_COALESCE', 'on', 'on', null],
      ['TOKEN_REFRESH_GRACE_SECONDS', '', '', null],
      ['MAX_TOKEN_REFRESH_PER_SECOND', '', '', null],
      ['TOOL_TIMEOUT_SECONDS', '', '', null],
      ['TOOL_MAX_CONCURRENCY', '', '', null],
      ['TOOL_RETRY_BUDGET', '', '', null],
      ['TOOL_BREAKER', 'auto', 'auto', null],
      ['UPSTREAMS', 'http://a:1', 'http://a:1', null],
    ]);
    expect(levers.values).toMatchObject({
      maxInitPerSecond: 0,
      initQueueSeconds: 4,
      maxSessions: 0,
      reconnectJitterSeconds: 30,
    });
  });

  it('holds a change for its time to live, and goes back by itself', async () => {
    const { clock, events, levers } = board();
    const set = levers.set('MAX_INIT_PER_SECOND', { ...by, value: '50', ttlSeconds: 60, incident: 'inc-1' });
    expect(set.held).toEqual({ ...by, incident: 'inc-1', setAt: clock.now(), until: clock.now() + 60_000 });
    await clock.advance(59_999);
    expect(levers.values.maxInitPerSecond).toBe(50);
    await clock.advance(1);
    expect(levers.values.maxInitPerSecond).toBe(0);
    expect(events.map(({ event, from, to }) => [event, from, to])).toEqual([
      ['lever-set', '', '50'],
      ['lever-expired', '50', ''],
    ]);
    expect(clock.pending).toBe(0);
  });

  it('keeps the original base when a change is set on top of a change, and only the newer end counts', async () => {
    const { clock, levers } = board({ MAX_SESSIONS: '100' });
    levers.set('MAX_SESSIONS', { ...by, value: '10', ttlSeconds: 10 });
    levers.set('MAX_SESSIONS', { ...by, value: '20', ttlSeconds: 100 });
    expect(levers.get('MAX_SESSIONS').base).toBe('100');
    await clock.advance(50_000);
    expect(levers.values.maxSessions).toBe(20);
    await clock.advance(50_000);
    expect(levers.values.maxSessions).toBe(100);
  });

  it('releases what an incident holds, and nothing else', () => {
    const { levers } = board();
    levers.set('MAX_SESSIONS', { ...by, value: '10', incident: 'inc-1' });
    levers.set('MAX_INIT_PER_SECOND', { ...by, value: '5', incident: 'inc-2' });
    expect(levers.release('inc-1', 'bob').map(({ name }) => name)).toEqual(['MAX_SESSIONS']);
    expect(levers.values).toMatchObject({ maxSessions: 0, maxInitPerSecond: 5 });
  });

  it('resets at once, and says nothing when there is nothing to reset', () => {
    const { events, levers } = board();
    levers.set('MAX_SESSIONS', { ...by, value: '10' });
    expect(levers.reset('MAX_SESSIONS', 'bob')).toMatchObject({ value: '', held: null });
    levers.reset('MAX_SESSIONS', 'bob');
    expect(events).toHaveLength(2);
  });

  it.each([
    ['MAX_INIT_PER_SECOND', '-1'],
    ['MAX_INIT_PER_SECOND', '1e3'],
    ['MAX_INIT_PER_SECOND', 'Infinity'],
    ['MAX_INIT_PER_SECOND', '100001'],
    ['MAX_SESSIONS', '1.5'],
    ['RECONNECT_JITTER_SECONDS', '3601'],
    ['INIT_QUEUE_SECONDS', 'soon'],
    ['UPSTREAMS', ''],
    ['UPSTREAMS', 'ftp://a'],
    ['UPSTREAMS', 'http://user:pass@a'],
  ])('refuses %s=%s and changes nothing', (name, value) => {
    const { events, levers } = board();
    expect(() => levers.set(name, { ...by, value })).toThrow(
      expect.objectContaining({ code: 'E_BAD_VALUE' }),
    );
    expect(events).toEqual([]);
  });

  it.each([0, -1, 86_401, Number.NaN])('refuses a time to live of %s', (ttlSeconds) => {
    const { levers } = board();
    const change = { ...by, value: '1', ttlSeconds };
    expect(() => levers.set('MAX_SESSIONS', change)).toThrow(
      expect.objectContaining({ code: 'E_BAD_VALUE' }),
    );
  });

  it('wants an actor and a reason, and knows its levers', () => {
    const { levers } = board();
    for (const change of [
      { reason: ' ', actor: 'ada' },
      { reason: 'x', actor: '' },
      { reason: 'x'.repeat(501), actor: 'ada' },
    ]) {
      expect(() => levers.set('MAX_SESSIONS', { ...change, value: '1' })).toThrow(
        expect.objectContaining({ code: 'E_BAD_VALUE' }),
      );
    }
    expect(() => levers.set('toString', { ...by, value: '1' })).toThrow(
      expect.objectContaining({ code: 'E_NOT_FOUND' }),
    );
  });
});
