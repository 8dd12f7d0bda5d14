import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { AdmissionQueue, type Gate, type Refusal, type Ticket } from './admission.ts';

interface Bench {
  readonly clock: TestClock;
  readonly queue: AdmissionQueue;
  readonly limits: { ratePerSecond: number; queueSeconds: number; maxWaiting: number };
  gate: Gate;
  readonly log: { id: number; what: 'admitted' | Refusal; at: number }[];
  enter(id: number): Ticket;
}

function bench(limits: Partial<Bench['limits']> = {}): Bench {
  const clock = new TestClock();
  const all = { ratePerSecond: 10, queueSeconds: 4, maxWaiting: 1000, ...limits };
  const log: Bench['log'] = [];
  const one: Bench = {
    clock,
    limits: all,
    gate: 'open',
    log,
    queue: new AdmissionQueue(
      clock,
      () => all,
      () => one.gate,
    ),
    enter: (id) =>
      one.queue.enter({
        admit: () => void log.push({ id, what: 'admitted', at: clock.monotonic() }),
        refuse: (what) => void log.push({ id, what, at: clock.monotonic() }),
      }),
  };
  return one;
}

const admitted = ({ log }: Bench) => log.filter(({ what }) => what === 'admitted').map(({ id }) => id);

describe('AdmissionQueue', () => {
  it('lets everyone in at once while the rate is off', () => {
    const one = bench({ ratePerSecond: 0 });
    for (let id = 0; id < 100; id++) one.enter(id);
    expect(admitted(one)).toHaveLength(100);
    expect(one.queue.waiting).toBe(0);
  });

  it('goes on when an applicant fails at its admission', () => {
    const one = bench({ ratePerSecond: 0 });
    const admit = () => {
      throw new Error('no connection');
    };
    expect(() => one.queue.enter({ admit, refuse: () => {} })).toThrow('no connection');
    one.enter(1);
    expect(admitted(one)).toEqual([1]);
  });

  it('admits steadily, in order of arrival, and not in bursts', async () => {
    const one = bench({ ratePerSecond: 10, queueSeconds: 60 });
    for (let id = 0; id < 20; id++) one.enter(id);
    await one.clock.advance(2000);
    expect(admitted(one)).toEqual(Array.from({ length: 20 }, (_, id) => id));
    const gaps = one.log.slice(2).map(({ at }, index) => at - one.log[index + 1]!.at);
    for (const gap of gaps) expect(gap).toBeCloseTo(100, 6);
  });

  it('spends nothing on a client that went away', async () => {
    const one = bench({ ratePerSecond: 10 });
    const tickets = Array.from({ length: 12 }, (_, id) => one.enter(id));
    for (const ticket of tickets.slice(2, 11)) ticket.leave();
    await one.clock.advance(100);
    expect(admitted(one)).toEqual([0, 1, 11]);
  });

  it('refuses who has waited too long, and nobody earlier', async () => {
    const one = bench({ ratePerSecond: 1, queueSeconds: 4 });
    for (let id = 0; id < 10; id++) one.enter(id);
    await one.clock.advance(3999);
    expect(one.log.filter(({ what }) => what === 'waited-too-long')).toEqual([]);
    await one.clock.advance(1);
    expect(one.log.filter(({ what }) => what === 'waited-too-long').map(({ id }) => id)).toEqual([
      6, 7, 8, 9,
    ]);
    expect(admitted(one)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('refuses at once when the queue is full, and when there is no room for a session', () => {
    const one = bench({ ratePerSecond: 1, maxWaiting: 2 });
    for (let id = 0; id < 6; id++) one.enter(id);
    expect(one.log.slice(2)).toEqual([
      { id: 4, what: 'queue-full', at: 0 },
      { id: 5, what: 'queue-full', at: 0 },
    ]);
    one.gate = 'full';
    one.queue.poke();
    expect(one.log.slice(4).map(({ what }) => what)).toEqual(['sessions-full', 'sessions-full']);
  });

  it('waits while no upstream can serve, and goes on when one can', async () => {
    const one = bench({ ratePerSecond: 0 });
    one.gate = 'hold';
    one.enter(1);
    await one.clock.advance(3000);
    expect(one.log).toEqual([]);
    one.gate = 'open';
    one.queue.poke();
    expect(admitted(one)).toEqual([1]);
    one.gate = 'hold';
    one.enter(2);
    await one.clock.advance(4000);
    expect(one.log.at(-1)).toMatchObject({ id: 2, what: 'waited-too-long' });
  });

  it('applies a changed rate and a changed queue time to those who wait', async () => {
    const one = bench({ ratePerSecond: 0.1, queueSeconds: 100 });
    for (let id = 0; id < 8; id++) one.enter(id);
    expect(admitted(one)).toEqual([0, 1]);
    one.limits.ratePerSecond = 100;
    one.queue.update();
    await one.clock.advance(30);
    expect(admitted(one)).toEqual([0, 1, 2, 3, 4]);
    one.limits.queueSeconds = 0;
    one.queue.update();
    expect(one.log.filter(({ what }) => what === 'waited-too-long')).toHaveLength(3);
    one.limits.ratePerSecond = 0;
    one.queue.update();
    one.enter(9);
    expect(admitted(one).at(-1)).toBe(9);
  });

  it('does not forgive pace when a lever is touched again and again', async () => {
    const one = bench({ ratePerSecond: 10, queueSeconds: 60 });
    for (let id = 0; id < 100; id++) one.enter(id);
    for (let time = 0; time < 1000; time += 10) {
      one.queue.update();
      await one.clock.advance(10);
    }
    expect(admitted(one).length).toBeLessThanOrEqual(12);
  });

  it('puts a given-back admission at the head, with the time it has waited', async () => {
    const one = bench({ ratePerSecond: 10, queueSeconds: 4 });
    const first = one.enter(0);
    for (let id = 1; id < 5; id++) one.enter(id);
    one.gate = 'hold';
    first.giveBack();
    expect(one.queue.waiting).toBe(4);
    await one.clock.advance(1000);
    one.gate = 'open';
    one.queue.poke();
    expect(admitted(one)).toEqual([0, 1, 0, 2]);
    await one.clock.advance(3000);
    expect(one.log.filter(({ what }) => what === 'waited-too-long')).toEqual([]);
  });

  it('refuses everyone when it closes, and leaves no timer', () => {
    const one = bench({ ratePerSecond: 1 });
    for (let id = 0; id < 4; id++) one.enter(id);
    one.queue.close();
    one.enter(9);
    expect(one.log.slice(2).map(({ id, what }) => [id, what])).toEqual([
      [2, 'stopping'],
      [3, 'stopping'],
      [9, 'stopping'],
    ]);
    expect(one.clock.pending).toBe(0);
  });

  it('survives applicants that enter and leave from within an admission', async () => {
    const one = bench({ ratePerSecond: 10 });
    const seen: string[] = [];
    const later = one.queue.enter.bind(one.queue);
    one.enter(0);
    one.enter(1);
    let other: Ticket | undefined;
    later({
      admit: () => {
        seen.push('outer');
        other?.leave();
        later({ admit: () => void seen.push('inner'), refuse: () => void seen.push('refused') });
      },
      refuse: () => void seen.push('refused'),
    });
    other = later({ admit: () => void seen.push('left'), refuse: () => void seen.push('left') });
    await one.clock.advance(1000);
    expect(seen).toEqual(['outer', 'inner']);
  });
});

type Move =
  | { readonly kind: 'enter' }
  | { readonly kind: 'leave'; readonly which: number }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'gate'; readonly gate: Gate }
  | { readonly kind: 'touch' };

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('enter' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), which: fc.nat(1000) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 900 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('gate' as const),
      gate: fc.constantFrom<Gate>('open', 'hold', 'full'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('touch' as const) }) },
);

describe('AdmissionQueue, whatever happens', () => {
  it('never exceeds the rate, never serves a dead client, keeps the order, loses nobody', async () => {
    const settings = fc.record({
      ratePerSecond: fc.constantFrom(0.5, 1, 3, 7, 50, 400),
      queueSeconds: fc.constantFrom(0, 0.5, 4),
      maxWaiting: fc.integer({ min: 1, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(settings, fc.array(move, { maxLength: 120 }), async (limits, moves) => {
        const one = bench(limits);
        const tickets: Ticket[] = [];
        const left = new Map<number, number>();
        for (const step of moves) {
          if (step.kind === 'enter') tickets.push(one.enter(tickets.length));
          if (step.kind === 'advance') await one.clock.advance(step.ms);
          if (step.kind === 'touch') one.queue.update();
          if (step.kind === 'gate') {
            one.gate = step.gate;
            one.queue.poke();
          }
          if (step.kind === 'leave' && tickets.length > 0) {
            const id = step.which % tickets.length;
            tickets[id]!.leave();
            if (!left.has(id)) left.set(id, one.log.length);
          }
        }
        one.gate = 'hold';
        await one.clock.advance(10_000);
        const times = one.log.filter(({ what }) => what === 'admitted').map(({ at }) => at);
        const credit = Math.max(1, limits.ratePerSecond * 0.02);
        for (let from = 0; from < times.length; from++) {
          const upTo = times.length - 1;
          const most = ((times[upTo]! - times[from]!) / 1000) * limits.ratePerSecond + 1 + credit;
          expect(upTo - from + 1).toBeLessThanOrEqual(most + 1e-6);
        }
        const order = admitted(one);
        expect(order).toEqual(order.toSorted((a, b) => a - b));
        const settled = new Set(one.log.map(({ id }) => id));
        expect(settled.size).toBe(one.log.length);
        for (let id = 0; id < tickets.length; id++) {
          const after = left.get(id);
          const index = one.log.findIndex((entry) => entry.id === id);
          if (after === undefined) expect(index).toBeGreaterThanOrEqual(0);
          else expect(index).toBeLessThan(after);
        }
        expect(one.queue.waiting).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});

describe('lanes', () => {
  it('go each by its own gate: who is held does not hold up the others, and is refused in time', async () => {
    const clock = new TestClock();
    const seen: string[] = [];
    let held = 'a';
    const limits = { ratePerSecond: 0, queueSeconds: 4, maxWaiting: 10 };
    const queue = new AdmissionQueue(
      clock,
      () => limits,
      (lane) => (lane === held ? 'hold' : 'open'),
    );
    const enter = (lane: string, id: number) =>
      queue.enter({
        lane,
        admit: () => void seen.push(`${lane}${id}`),
        refuse: (why) => void seen.push(`${lane}${id} ${why}`),
      });
    enter('a', 1);
    enter('a', 2).leave();
    enter('b', 3);
    expect(seen).toEqual(['b3']);
    await clock.advance(4000);
    expect(seen).toEqual(['b3', 'a1 waited-too-long']);
    enter('a', 4);
    held = 'b';
    enter('b', 5);
    queue.poke();
    expect(seen.slice(2)).toEqual(['a4']);
    held = '';
    queue.poke();
    expect(seen.slice(3)).toEqual(['b5']);
    expect(clock.pending).toBe(0);
  });

  it('share one pace, first come, first served', async () => {
    const clock = new TestClock();
    const seen: string[] = [];
    const limits = { ratePerSecond: 1, queueSeconds: 60, maxWaiting: 10 };
    const queue = new AdmissionQueue(
      clock,
      () => limits,
      (lane) => (lane === 'held' ? 'hold' : 'open'),
    );
    for (const lane of ['a', 'held', 'b', 'a', 'b'])
      queue.enter({ lane, admit: () => void seen.push(lane), refuse: () => {} });
    for (let second = 0; second < 6; second++) await clock.advance(1000);
    expect(seen).toEqual(['a', 'b', 'a', 'b']);
  });
});
