import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import type { HeldLever, LeverState } from './lever-model.ts';
import { LeverBoard } from './levers.ts';

const base = { UPSTREAMS: 'http://a:1', MAX_SESSIONS: '100', 'TOOL_TIMEOUT_SECONDS[b]': '9' };
const NAMES = [
  'MAX_SESSIONS',
  'TOOL_TIMEOUT_SECONDS',
  'TOOL_TIMEOUT_SECONDS[a]',
  'TOOL_TIMEOUT_SECONDS[b]',
  'TOOL_MAX_CONCURRENCY[a]',
];

/** A board whose process may end at any moment: all that is left of it is what `held` said. */
class Process {
  readonly clock = new TestClock();
  readonly restarts: boolean;
  board: LeverBoard;

  constructor(restarts: boolean) {
    this.restarts = restarts;
    this.board = this.#start([]);
  }

  restart(): void {
    if (!this.restarts) return;
    const kept = JSON.parse(JSON.stringify(this.board.held())) as HeldLever[];
    this.board.close();
    this.board = this.#start(kept);
  }

  seen(): { levers: readonly LeverState[]; tools: unknown } {
    const { values } = this.board;
    return { levers: this.board.list(), tools: ['a', 'b', 'c'].map((tool) => values.tool(tool)) };
  }

  #start(kept: readonly HeldLever[]): LeverBoard {
    const board = new LeverBoard(this.clock, base, () => {});
    for (const one of kept) if (one.hold.until > this.clock.now()) board.resume(one);
    return board;
  }
}

const command = fc.oneof(
  fc.record({
    kind: fc.constant('set' as const),
    name: fc.constantFrom(...NAMES),
    value: fc.integer({ min: 0, max: 50 }),
    ttlSeconds: fc.integer({ min: 1, max: 120 }),
    incident: fc.constantFrom(null, 'inc-1', 'inc-2'),
  }),
  fc.record({ kind: fc.constant('reset' as const), name: fc.constantFrom(...NAMES) }),
  fc.record({ kind: fc.constant('release' as const), incident: fc.constantFrom('inc-1', 'inc-2') }),
  fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 0, max: 90 }) }),
  fc.record({ kind: fc.constant('restart' as const) }),
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

async function obey(one: Process, order: Command): Promise<void> {
  switch (order.kind) {
    case 'set': {
      const { name, value, ttlSeconds, incident } = order;
      one.board.set(name, { value: String(value), ttlSeconds, incident, actor: 'ada', reason: 'storm' });
      return;
    }
    case 'reset':
      one.board.reset(order.name, 'bob');
      return;
    case 'release':
      one.board.release(order.incident, 'bob');
      return;
    case 'wait':
      await one.clock.advance(order.seconds * 1000);
      return;
    case 'restart':
      one.restart();
  }
}

describe('a board that is restarted', () => {
  it('is at any moment as one that never was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 30 }), async (orders) => {
        const [restarted, steady] = [new Process(true), new Process(false)];
        for (const order of orders) {
          await obey(restarted, order);
          await obey(steady, order);
          expect(restarted.seen()).toEqual(steady.seen());
        }
        await restarted.clock.advance(121_000);
        expect(restarted.seen()).toEqual(new Process(false).seen());
        expect(restarted.clock.pending).toBe(0);
      }),
    );
  });
});
