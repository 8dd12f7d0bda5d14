import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import type { ToolLimits } from './lever-values.ts';
import { Passage } from './passage.ts';
import { type ToolRefusal, Tools } from './tools.ts';

const OFF: ToolLimits = { timeoutSeconds: 0, maxConcurrency: 0, retryBudget: null, breaker: 'auto' };

function room(limits: Partial<ToolLimits> = {}, own: Record<string, Partial<ToolLimits>> = {}) {
  const clock = new TestClock();
  const news: object[] = [];
  const inForce = { ...OFF, ...limits };
  const tools = new Tools(
    clock,
    () => 0.5,
    (tool) => ({ ...inForce, ...own[tool] }),
    (one) => news.push(one),
  );
  return { clock, tools, news, limits: inForce };
}

interface Asked {
  readonly tool?: string;
  readonly caller?: string;
  readonly shared?: boolean;
  readonly about?: unknown;
}

function ask(tools: Tools, { tool = 'search', caller = 'ada', shared = false, about = 1 }: Asked = {}) {
  const request = {
    tool,
    params: { name: tool, arguments: { about } },
    caller: { key: caller, shared },
    expiries: 0,
    expired() {
      request.expiries += 1;
    },
  };
  return { request, entry: tools.enter(request) };
}

function passed(tools: Tools, asked?: Asked): Passage {
  const { entry } = ask(tools, asked);
  expect(entry).toBeInstanceOf(Passage);
  return entry as Passage;
}

function refused(tools: Tools, asked?: Asked): ToolRefusal {
  const { entry } = ask(tools, asked);
  expect(entry).not.toBeInstanceOf(Passage);
  return entry as ToolRefusal;
}

const countsOf = (tools: Tools, label = 'search') => [...tools.counts()].find((one) => one.label === label)!;
const stateOf = (tools: Tools) => [...tools.breakers()][0]!.state;

describe('the deadline', () => {
  it('comes once, when the call has taken that long', async () => {
    const { clock, tools } = room({ timeoutSeconds: 2 });
    const { request, entry } = ask(tools);
    await clock.advance(1999);
    expect(request.expiries).toBe(0);
    await clock.advance(10_000);
    expect(request.expiries).toBe(1);
    (entry as Passage).ended('timeout');
    expect(countsOf(tools)).toMatchObject({ inflight: 0, timeouts: { guard: 1, client: 0 } });
    expect(countsOf(tools).ended.timeout).toBe(1);
  });

  it('does not come after the end, and leaves no timer behind', () => {
    const { clock, tools } = room({ timeoutSeconds: 2 });
    passed(tools).ended('');
    expect(clock.pending).toBe(0);
    const { clock: other, tools: without } = room();
    passed(without);
    expect(other.pending).toBe(0);
  });

  it('changes for calls in progress, counted from their start', async () => {
    const { clock, tools, limits } = room();
    const { request } = ask(tools);
    await clock.advance(3000);
    limits.timeoutSeconds = 5;
    tools.update();
    await clock.advance(1000);
    limits.timeoutSeconds = 10;
    tools.update();
    await clock.advance(5999);
    expect(request.expiries).toBe(0);
    await clock.advance(1);
    expect(request.expiries).toBe(1);
  });
});

describe('the bulkhead', () => {
  it('lets so many calls of one tool in at the same time, each tool for itself', () => {
    const { tools } = room({ maxConcurrency: 2 }, { slow: { maxConcurrency: 1 } });
    const first = passed(tools, { about: 1 });
    passed(tools, { about: 2 });
    expect(refused(tools, { about: 3 })).toEqual({ why: 'busy', retryAfter: 2 });
    passed(tools, { tool: 'slow' });
    expect(refused(tools, { tool: 'slow', about: 2 }).why).toBe('busy');
    first.ended('');
    first.ended('');
    passed(tools, { about: 3 });
    expect(refused(tools, { about: 4 }).why).toBe('busy');
    expect(countsOf(tools)).toMatchObject({ inflight: 2 });
    expect(countsOf(tools).ended).toMatchObject({ ok: 1, rejected_busy: 2 });
  });
});

describe('a retry', () => {
  it.each(['tool_error', '-32603', '500', 'broken', 'timeout', 'cancelled'])(
    'is the same call made again within two minutes of one that ended with %s',
    async (error) => {
      const { clock, tools } = room({ breaker: 'closed' });
      passed(tools).ended(error);
      passed(tools, { about: 2 }).ended('');
      passed(tools, { caller: 'grace' }).ended('');
      passed(tools, { tool: 'other' }).ended('');
      expect(countsOf(tools).retries).toBe(0);
      await clock.advance(119_000);
      passed(tools).ended(error);
      expect(countsOf(tools).retries).toBe(1);
      await clock.advance(121_000);
      passed(tools).ended('');
      expect(countsOf(tools).retries).toBe(1);
    },
  );

  it('is a call made again while it runs, unless several may share the caller', () => {
    const { tools } = room();
    passed(tools);
    passed(tools);
    expect(countsOf(tools).retries).toBe(1);
    passed(tools, { caller: 'address', shared: true }).ended('broken');
    passed(tools, { caller: 'address', shared: true, about: 2 });
    passed(tools, { caller: 'address', shared: true, about: 2 });
    expect(countsOf(tools).retries).toBe(1);
    passed(tools, { caller: 'address', shared: true });
    expect(countsOf(tools).retries).toBe(2);
    passed(tools, { caller: '' }).ended('broken');
    passed(tools, { caller: '' });
    expect(countsOf(tools).retries).toBe(2);
  });

  it('is none when the tool was never run, as with an expired token', () => {
    const { tools } = room({ retryBudget: 0 });
    for (const error of ['401', '403', '404', '400']) passed(tools).ended(error);
    passed(tools).ended('');
    expect(countsOf(tools).retries).toBe(0);
  });

  it('is none after a success, nor after a refusal', () => {
    const { tools, limits } = room({ maxConcurrency: 1 });
    const first = passed(tools, { about: 'other' });
    refused(tools);
    first.ended('tool_error');
    passed(tools).ended('');
    passed(tools).ended('');
    passed(tools).ended('tool_error');
    limits.maxConcurrency = 0;
    passed(tools).ended('');
    expect(countsOf(tools).retries).toBe(1);
    passed(tools).ended('');
    expect(countsOf(tools).retries).toBe(1);
  });

  it('passes within the budget of the tool, and beyond it not', () => {
    const { tools } = room({ retryBudget: 0.1, breaker: 'closed' });
    for (let about = 0; about < 100; about++) passed(tools, { about }).ended('timeout');
    let calls = 100;
    for (let round = 0; round < 20; round++) {
      for (let about = 0; about < 100; about++) {
        const { entry } = ask(tools, { about });
        if (entry instanceof Passage) {
          calls += 1;
          entry.ended('timeout');
        } else expect(entry.why).toBe('retry');
      }
    }
    expect(calls).toBe(110);
    expect(countsOf(tools)).toMatchObject({ retries: 2000 });
    expect(countsOf(tools).ended.rejected_retry).toBe(1990);
  });

  it('is let through once the tool has been found to answer again, also of a call that was hanging then', async () => {
    const { clock, tools } = room({ retryBudget: 0 });
    const hanging = passed(tools, { about: 'hanging' });
    for (let about = 0; about < 5; about++) passed(tools, { about }).ended('broken');
    expect(refused(tools).why).toBe('breaker');
    await clock.advance(2000);
    expect(refused(tools).why).toBe('retry');
    for (const about of ['new', 'newer', 'newest']) passed(tools, { about }).ended('');
    expect(stateOf(tools)).toBe('closed');
    hanging.ended('timeout');
    for (const about of [0, 1, 2, 3, 4, 'hanging']) passed(tools, { about }).ended('');
  });

  it('may be the probe where retries are all that comes, and is charged to the budget', async () => {
    const { clock, tools } = room({ retryBudget: 0.1 });
    for (let about = 0; about < 5; about++) passed(tools, { about }).ended('broken');
    await clock.advance(2000);
    for (let about = 0; about < 3; about++) passed(tools, { about }).ended('');
    expect(stateOf(tools)).toBe('closed');
    expect(countsOf(tools).ended.ok).toBe(3);
  });
});

describe('the breaker', () => {
  it('counts broken connections, 5xx and deadlines, and neither answers nor what concerns the caller', () => {
    for (const [error, state] of [
      ['broken', 'open'],
      ['503', 'open'],
      ['timeout', 'open'],
      ['tool_error', 'closed'],
      ['-32603', 'closed'],
      ['_OTHER', 'closed'],
      ['429', 'closed'],
      ['401', 'closed'],
      ['cancelled', 'closed'],
    ]) {
      const { tools } = room();
      for (let about = 0; about < 10; about++) {
        const { entry } = ask(tools, { about });
        if (entry instanceof Passage) entry.ended(error!);
      }
      expect([error, stateOf(tools)]).toEqual([error, state]);
    }
  });

  it('says when to come back: when it will be probing, spread over seconds', async () => {
    const { clock, tools } = room();
    for (let about = 0; about < 5; about++) passed(tools, { about }).ended('broken');
    expect(refused(tools)).toEqual({ why: 'breaker', retryAfter: 3 });
    await clock.advance(1500);
    expect(refused(tools)).toEqual({ why: 'breaker', retryAfter: 2 });
  });

  it('is news when it opens and when it closes, and not while it probes', async () => {
    const { clock, tools, news } = room();
    for (let about = 0; about < 5; about++) passed(tools, { about }).ended('broken');
    for (let round = 0; round < 5; round++) {
      await clock.advance(2000);
      passed(tools).ended('broken');
    }
    expect(news).toEqual([{ tool: 'search', open: true }]);
    await clock.advance(2000);
    for (let about = 0; about < 3; about++) passed(tools, { about }).ended('');
    expect(news).toEqual([
      { tool: 'search', open: true },
      { tool: 'search', open: false },
    ]);
  });

  it('follows the lever, and starts anew when it is given back', () => {
    const { tools, limits } = room();
    for (let about = 0; about < 5; about++) passed(tools, { about }).ended('broken');
    limits.breaker = 'closed';
    for (let about = 0; about < 20; about++) passed(tools, { about }).ended('broken');
    expect(stateOf(tools)).toBe('closed');
    limits.breaker = 'open';
    expect(refused(tools)).toEqual({ why: 'held', retryAfter: 45 });
    expect(stateOf(tools)).toBe('open');
    limits.breaker = 'auto';
    passed(tools).ended('');
    expect(countsOf(tools).ended).toMatchObject({ rejected_breaker: 1 });
  });
});

describe('a call that is withdrawn', () => {
  it('counts for nothing, and gives its place and its probe back', async () => {
    const { clock, tools } = room({ maxConcurrency: 1, retryBudget: 0.1 });
    for (let round = 0; round < 50; round++) passed(tools, { about: round }).withdraw();
    expect(countsOf(tools)).toMatchObject({ inflight: 0, retries: 0, timeouts: { client: 0 } });
    expect(Object.values(countsOf(tools).ended).every((count) => count === 0)).toBe(true);
    for (let about = 0; about < 5; about++) passed(tools, { about }).ended('broken');
    await clock.advance(2000);
    passed(tools, { about: 'probe' }).withdraw();
    for (const about of ['x', 'y', 'z']) passed(tools, { about }).ended('');
    expect(stateOf(tools)).toBe('closed');
    passed(tools, { about: 'w' }).ended('tool_error');
    passed(tools, { about: 'w' }).ended('tool_error');
    expect(refused(tools, { about: 'w' }).why).toBe('retry');
  });
});

describe('whatever comes', () => {
  const errors = ['', 'tool_error', '-32603', '503', '401', 'broken', 'cancelled', 'timeout'];
  const event = fc.oneof(
    fc.record({ kind: fc.constant('call' as const), tool: fc.nat(2), caller: fc.nat(3), about: fc.nat(3) }),
    fc.record({ kind: fc.constant('end' as const), which: fc.nat(9), error: fc.constantFrom(...errors) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(4000) }),
    fc.record({
      kind: fc.constant('lever' as const),
      maxConcurrency: fc.nat(4),
      retryBudget: fc.constantFrom(null, 0, 0.1, 1),
      breaker: fc.constantFrom('auto', 'auto', 'open', 'closed' as const),
      timeoutSeconds: fc.constantFrom(0, 0, 1, 3),
    }),
  );

  it('every call ends in one outcome, and no bound is exceeded', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 120 }), async (events) => {
        const { clock, tools, limits } = room();
        const running: Passage[] = [];
        let asked = 0;
        for (const one of events) {
          if (one.kind === 'pass') await clock.advance(one.ms);
          else if (one.kind === 'end') running.splice(one.which, 1)[0]?.ended(one.error);
          else if (one.kind === 'lever') {
            const { kind: _, ...values } = one;
            Object.assign(limits, values);
            tools.update();
          } else {
            const tool = `tool ${one.tool}`;
            const before = running.filter((passage) => passage.tool === tool).length;
            const { entry } = ask(tools, { tool, caller: `caller ${one.caller}`, about: one.about });
            asked += 1;
            if (entry instanceof Passage) running.push(entry);
            if (limits.breaker === 'open') expect(entry).toMatchObject({ why: 'held' });
            if (limits.maxConcurrency > 0 && before >= limits.maxConcurrency)
              expect(entry).toHaveProperty('why');
            if (entry instanceof Passage) continue;
            expect(entry.retryAfter).toBeGreaterThanOrEqual(1);
            expect(Number.isInteger(entry.retryAfter)).toBe(true);
          }
        }
        const inflight = [...tools.counts()].reduce((sum, one) => sum + one.inflight, 0);
        expect(inflight).toBe(running.length);
        for (const passage of running) passage.ended('');
        const ended = [...tools.counts()].flatMap((one) => Object.values(one.ended));
        expect(ended.reduce((sum, count) => sum + count, 0)).toBe(asked);
        expect(clock.pending).toBe(0);
      }),
    );
  });
});

describe('hostile names', () => {
  it('share counts beyond 200, and states beyond 2000, while tools in use keep theirs', () => {
    const { tools } = room({ maxConcurrency: 1 });
    const running = passed(tools, { tool: 'real' });
    for (let index = 0; index < 100_000; index++) {
      (ask(tools, { tool: `fake-${index}`, about: index }).entry as Passage).ended(
        index % 10 === 0 ? 'tool_error' : '',
      );
      if (index % 1000 === 0) expect(refused(tools, { tool: 'real', about: 2 }).why).toBe('busy');
    }
    expect([...tools.counts()].length).toBe(201);
    expect([...tools.breakers()].length).toBeLessThanOrEqual(2000);
    running.ended('');
    expect(countsOf(tools, 'real').ended).toMatchObject({ ok: 1, rejected_busy: 100 });
    expect(countsOf(tools, '_OTHER').ended.ok).toBe(90_000 - 179);
    passed(tools, { tool: 'x'.repeat(100_000) });
    expect(refused(tools, { tool: 'y'.repeat(100_000) }).why).toBe('busy');
  });
});
