import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import type { LeverEvent } from './lever-model.ts';
import { LeverBoard } from './levers.ts';

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

  it('says what a lever takes', () => {
    const { levers } = board();
    expect(() => levers.set('MAX_INIT_PER_SECOND', { ...by, value: 'fast' })).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({
          next: 'It takes auto, or a number from 0 to 100000 (0, off or empty: off).',
        }),
      }),
    );
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

  describe('of one tool', () => {
    it('counts for that tool alone, and falls back lever by lever to what counts for all', async () => {
      const { clock, levers } = board({ TOOL_TIMEOUT_SECONDS: '10', 'TOOL_MAX_CONCURRENCY[search]': '3' });
      levers.set('TOOL_TIMEOUT_SECONDS[search]', { ...by, value: '5', ttlSeconds: 60 });
      expect(levers.values.tool('search')).toEqual({
        timeoutSeconds: 5,
        maxConcurrency: 3,
        retryBudget: null,
        breaker: 'auto',
      });
      expect(levers.values.tool('Search')).toMatchObject({ timeoutSeconds: 10, maxConcurrency: 0 });
      levers.set('TOOL_BREAKER', { ...by, value: 'open' });
      expect(levers.values.tool('search').breaker).toBe('open');
      await clock.advance(60_000);
      expect(levers.values.tool('search').timeoutSeconds).toBe(10);
    });

    it('goes back to its own base, or to inheriting; and is listed only while it is set or held', () => {
      const { levers } = board({ TOOL_TIMEOUT_SECONDS: '10', 'TOOL_TIMEOUT_SECONDS[b]': '' });
      levers.set('TOOL_TIMEOUT_SECONDS[b]', { ...by, value: '2' });
      levers.set('TOOL_TIMEOUT_SECONDS[a]', { ...by, value: '1' });
      const listed = () =>
        levers
          .list()
          .filter(({ name }) => name.startsWith('TOOL_TIMEOUT'))
          .map(({ name, value, base, inherits }) => [name, value, base, inherits]);
      expect(listed()).toEqual([
        ['TOOL_TIMEOUT_SECONDS', '10', '10', false],
        ['TOOL_TIMEOUT_SECONDS[a]', '1', '10', true],
        ['TOOL_TIMEOUT_SECONDS[b]', '2', '', false],
      ]);
      levers.set('TOOL_TIMEOUT_SECONDS', { ...by, value: '7' });
      expect(levers.reset('TOOL_TIMEOUT_SECONDS[a]', 'bob')).toMatchObject({ value: '7', held: null });
      expect(levers.reset('TOOL_TIMEOUT_SECONDS[b]', 'bob')).toMatchObject({ value: '', held: null });
      expect(listed()).toEqual([
        ['TOOL_TIMEOUT_SECONDS', '7', '10', false],
        ['TOOL_TIMEOUT_SECONDS[b]', '', '', false],
      ]);
    });

    it('is bounded in number, and what goes makes room', () => {
      const { levers } = board();
      for (let n = 0; n < 1000; n++) levers.set(`TOOL_TIMEOUT_SECONDS[t${n}]`, { ...by, value: '1' });
      const more = () => levers.set('TOOL_TIMEOUT_SECONDS[more]', { ...by, value: '1' });
      expect(more).toThrow(expect.objectContaining({ code: 'E_LIMIT' }));
      levers.set('TOOL_TIMEOUT_SECONDS[t0]', { ...by, value: '2' });
      levers.reset('TOOL_TIMEOUT_SECONDS[t0]', 'bob');
      expect(more()).toMatchObject({ value: '1' });
    });

    it.each([
      ['MAX_SESSIONS[search]', 'E_BAD_VALUE'],
      ['TOOL_TIMEOUT_SECONDS[]', 'E_BAD_VALUE'],
      ['TOOL_TIMEOUT_SECONDS[a', 'E_BAD_VALUE'],
      ['TOOL_TIMEOUT_SECONDS[a]b', 'E_BAD_VALUE'],
      ['TOOL_TIMEOUT_SECONDS[a\u0000]', 'E_BAD_VALUE'],
      ['TOOL_TIMEOUT_SECONDS[\ud800]', 'E_BAD_VALUE'],
      [`TOOL_TIMEOUT_SECONDS[${'x'.repeat(201)}]`, 'E_BAD_VALUE'],
      ['TOOL_TIMEOUT[a]', 'E_NOT_FOUND'],
      ['toString[a]', 'E_NOT_FOUND'],
    ])('refuses %j', (name, code) => {
      const { levers } = board();
      for (const attempt of [
        () => levers.set(name, { ...by, value: '1' }),
        () => levers.get(name),
        () => levers.reset(name, 'ada'),
      ]) {
        expect(attempt).toThrow(expect.objectContaining({ code }));
      }
    });

    it.each(['__proto__', 'a]b', '[a', 'get weather', 'a=b', 'ünïcode', 'constructor'])(
      'takes the name %j',
      (tool) => {
        const { levers } = board();
        const name = `TOOL_TIMEOUT_SECONDS[${tool}]`;
        expect(levers.set(name, { ...by, value: '9' }).name).toBe(name);
        expect(levers.values.tool(tool).timeoutSeconds).toBe(9);
        expect(levers.values.tool('other').timeoutSeconds).toBe(0);
      },
    );
  });

  it('suggests the lever that was meant', () => {
    const { levers } = board();
    expect(() => levers.get('MAX_INIT_PER_SECND')).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({ next: 'Did you mean MAX_INIT_PER_SECOND?' }),
      }),
    );
  });

  describe('when the wall clock is set', () => {
    it('back, still lets go after the time to live, and says so', async () => {
      const { clock, levers } = board();
      levers.set('MAX_SESSIONS', { ...by, value: '1', ttlSeconds: 100 });
      clock.jump(-3_600_000);
      expect(levers.get('MAX_SESSIONS').held!.until).toBe(clock.now() + 100_000);
      await clock.advance(100_000);
      expect(levers.values.maxSessions).toBe(0);
    });

    it('forward beyond the end, lets go within half a minute', async () => {
      const { clock, levers } = board();
      levers.set('MAX_SESSIONS', { ...by, value: '1', ttlSeconds: 600 });
      clock.jump(3_600_000);
      await clock.advance(30_000);
      expect(levers.values.maxSessions).toBe(0);
    });
  });

  describe('with another configuration', () => {
    it('moves what nobody holds at once, and what is held when it is let go', async () => {
      const { clock, events, levers } = board({ MAX_SESSIONS: '10', 'TOOL_TIMEOUT_SECONDS[a]': '1' });
      levers.set('MAX_SESSIONS', { ...by, value: '5', ttlSeconds: 60 });
      const changes = levers.rebase(
        { UPSTREAMS: 'http://a:1', MAX_SESSIONS: '20', TOOL_TIMEOUT_SECONDS: '9', 'TOOL_BREAKER[b]': 'open' },
        'configuration',
      );
      expect(changes).toEqual([
        { name: 'MAX_SESSIONS', from: '10', to: '20', held: true },
        { name: 'TOOL_TIMEOUT_SECONDS', from: '', to: '9', held: false },
        { name: 'TOOL_BREAKER[b]', from: 'auto', to: 'open', held: false },
        { name: 'TOOL_TIMEOUT_SECONDS[a]', from: '1', to: '9', held: false },
      ]);
      expect(levers.values).toMatchObject({ maxSessions: 5 });
      expect(levers.values.tool('a')).toMatchObject({ timeoutSeconds: 9, breaker: 'auto' });
      expect(levers.values.tool('b')).toMatchObject({ timeoutSeconds: 9, breaker: 'open' });
      await clock.advance(60_000);
      expect(levers.values.maxSessions).toBe(20);
      expect(events.filter(({ event }) => event === 'lever-rebased')).toHaveLength(3);
    });

    it('changes nothing when a part of it is wrong', () => {
      const { events, levers } = board({ MAX_SESSIONS: '10' });
      expect(() =>
        levers.rebase({ UPSTREAMS: 'http://a:1', MAX_SESSIONS: '20', MAX_INIT_PER_SECOND: 'x' }, 'c'),
      ).toThrow(expect.objectContaining({ code: 'E_BAD_VALUE' }));
      expect(levers.values.maxSessions).toBe(10);
      expect(events).toEqual([]);
    });
  });
});
