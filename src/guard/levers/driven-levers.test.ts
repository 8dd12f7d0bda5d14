import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import type { LogEntry } from '../log.ts';
import { ownLever } from '../policy/own-lever.ts';
import { DrivenLevers } from './driven-levers.ts';
import type { CommandEnd, CommandRun, Driver } from './driver.ts';
import type { KeptLever } from './state-file.ts';

const by = { reason: 'storm', actor: 'ada', ttlSeconds: 60 };
const key = { name: 'MCP_REPLICAS', tool: null };
const OK: CommandEnd = { kind: 'ok', stdout: '', why: '' };
const FAILED: CommandEnd = { kind: 'failed', stdout: '', why: 'exit 1: no route' };
const UNKNOWN: CommandEnd = { kind: 'unknown', stdout: '', why: 'it took longer than 10 s' };

const driver: Driver = {
  name: 'MCP_REPLICAS',
  ...ownLever({ name: 'MCP_REPLICAS', meaning: 'replicas', min: 1, max: 20, perTool: true }),
  set: 'set',
  reset: 'reset',
  read: 'read',
  timeoutSeconds: 10,
  everySeconds: 30,
};

/** A system outside that commands move; `ends` says how the next commands of a kind end, ok when empty. */
class World {
  readonly clock: TestClock;
  readonly log: LogEntry[] = [];
  readonly ran: string[] = [];
  readonly envs: Record<string, string>[] = [];
  readonly ends: Record<string, CommandEnd[]> = { set: [], reset: [], read: [] };
  readonly stop = new AbortController();
  value = '3';
  /** The set takes this long. */
  setMs = 0;
  kept: readonly KeptLever[] = [];
  levers: DrivenLevers;
  #lives = 0;

  constructor(clock = new TestClock(), base: Record<string, string> = { MCP_REPLICAS: '3' }, one = driver) {
    this.clock = clock;
    this.levers = this.start(base, one);
  }

  start(base: Record<string, string> = { MCP_REPLICAS: '3' }, one = driver): DrivenLevers {
    this.#lives += 1;
    const life = this.#lives;
    const levers = new DrivenLevers({
      clock: this.clock,
      log: (entry) => void this.log.push(entry),
      run: async (run) => {
        const end = await this.#run(run, () => life === this.#lives);
        return life === this.#lives ? end : new Promise(() => {});
      },
      signal: this.stop.signal,
      keep: () => {
        if (life === this.#lives) this.kept = this.levers.kept();
        return Promise.resolve();
      },
    });
    this.levers = levers;
    levers.configure([one], base);
    return levers;
  }

  get state() {
    return this.levers.get(key);
  }

  get events() {
    return this.log.map(({ event }) => event);
  }

  /** A command dies with the guard that runs it. One that was stopped may have done its work: with even values it has. */
  async #run({ command, env }: CommandRun, alive: () => boolean): Promise<CommandEnd> {
    if (command !== 'read') {
      this.ran.push(command === 'set' ? `set ${env['LEVER_VALUE']}` : command);
      this.envs.push({ ...env });
    }
    if (command === 'set' && this.setMs > 0) await this.clock.sleep(this.setMs);
    if (!alive()) return OK;
    const end = this.ends[command]!.shift() ?? OK;
    const done = end.kind === 'ok' || (end.kind === 'unknown' && Number(env['LEVER_VALUE']) % 2 === 0);
    if (done && command === 'set') this.value = env['LEVER_VALUE']!;
    if (end.kind === 'ok' && command === 'reset') this.value = '3';
    return command === 'read' && end.kind === 'ok' ? { ...end, stdout: `${this.value}\n` } : end;
  }
}

const restart = async (world: World, ms: number) => {
  const { kept } = world;
  await world.levers.close();
  await world.clock.advance(ms);
  const levers = world.start();
  for (const one of kept) levers.resume(key, one);
  return levers;
};

describe('a lever that commands move', () => {
  it('is set by its command, which gets the values in its environment, and goes back by its reset', async () => {
    const world = new World();
    const set = await world.levers.set(key, { ...by, value: ' 5 ', incident: 'inc-1' });
    expect(set).toMatchObject({ value: '5', base: '3', held: { actor: 'ada', incident: 'inc-1' } });
    expect(world.envs[0]).toEqual({
      LEVER_NAME: 'MCP_REPLICAS',
      LEVER_TOOL: '',
      LEVER_ACTION: 'set',
      LEVER_VALUE: '5',
      LEVER_ACTOR: 'ada',
      LEVER_REASON: 'storm',
      LEVER_INCIDENT: 'inc-1',
    });
    await world.clock.advance(59_000);
    expect(world.state.driven).toMatchObject({ state: 'settled', reads: { value: '5' }, failure: null });
    await world.clock.advance(1000);
    expect(world.ran).toEqual(['set 5', 'reset']);
    expect(world.state).toMatchObject({ value: '3', held: null, driven: { reads: { value: '3' } } });
    expect(world.events).toEqual(['lever-set', 'lever-expired']);
    expect(world.kept).toEqual([]);
  });

  it('is as it was when its command failed, and that is said', async () => {
    const world = new World();
    await world.levers.set(key, { ...by, value: '5' });
    world.ends['set']!.push(FAILED);
    await expect(world.levers.set(key, { ...by, value: '9' })).rejects.toMatchObject({
      code: 'E_LEVER_FAILED',
      message: expect.stringContaining('exit 1: no route'),
    });
    expect(world.state).toMatchObject({ value: '5', held: {}, driven: { failure: 'set exit 1: no route' } });
    expect(world.kept.map(({ hold }) => hold.value)).toEqual(['5']);
    await world.clock.advance(60_000);
    expect(world.ran).toEqual(['set 5', 'set 9', 'reset']);
  });

  it('is unknown when its command was killed and nothing can be read; and goes back all the same', async () => {
    const world = new World();
    world.ends['set']!.push(UNKNOWN);
    world.ends['read']!.push(OK, FAILED);
    await world.clock.advance(0);
    await expect(world.levers.set(key, { ...by, value: '5' })).rejects.toMatchObject({
      code: 'E_LEVER_UNKNOWN',
    });
    expect(world.state).toMatchObject({ held: {}, driven: { state: 'unknown', reads: null } });
    await world.clock.advance(60_000);
    expect(world.ran).toEqual(['set 5', 'reset']);
  });

  it('is told by its reading whether a killed command had done its work', async () => {
    const world = new World();
    world.ends['set']!.push(UNKNOWN);
    const other = world.levers.set(key, { ...by, value: '3' });
    await expect(other).resolves.toMatchObject({ driven: { state: 'settled', reads: { value: '3' } } });
    world.ends['set']!.push(UNKNOWN);
    await expect(world.levers.set(key, { ...by, value: '5' })).rejects.toMatchObject({
      code: 'E_LEVER_UNKNOWN',
      message: expect.stringContaining('reads 3 now'),
    });
    expect(world.state).toMatchObject({ value: '5', driven: { state: 'settled', reads: { value: '3' } } });
    expect(world.events).toContain('lever-drifts');
  });

  it('is tried again, ever more slowly, until it is back; and shown as overdue meanwhile', async () => {
    const world = new World();
    await world.levers.set(key, { ...by, value: '5' });
    world.ends['reset']!.push(FAILED, UNKNOWN, FAILED);
    await world.clock.advance(60_000);
    expect(world.state).toMatchObject({
      value: '5',
      driven: { state: 'overdue', failure: 'reset exit 1: no route' },
    });
    await world.clock.advance(3000);
    expect(world.ran).toEqual(['set 5', 'reset', 'reset', 'reset']);
    await world.clock.advance(4000);
    expect(world.ran).toHaveLength(5);
    expect(world.state).toMatchObject({
      value: '3',
      held: null,
      driven: { state: 'settled', failure: null },
    });
  });

  it('is taken over by a new change while its return is overdue', async () => {
    const world = new World();
    await world.levers.set(key, { ...by, value: '5' });
    world.ends['reset']!.push(...Array.from({ length: 50 }, () => FAILED));
    await expect(world.levers.reset(key, 'bob')).rejects.toMatchObject({ code: 'E_LEVER_FAILED' });
    await world.levers.set(key, { ...by, value: '7' });
    const ran = world.ran.length;
    await world.clock.advance(59_000);
    expect(world.ran).toHaveLength(ran);
    expect(world.state).toMatchObject({ value: '7', driven: { state: 'settled' } });
  });

  it('runs one command at a time, in order, and the last one asked for counts', async () => {
    const world = new World();
    world.setMs = 1000;
    const all = [
      world.levers.set(key, { ...by, value: '5' }),
      world.levers.set(key, { ...by, value: '6' }),
      world.levers.reset(key, 'bob'),
    ];
    await world.clock.advance(500);
    expect(world.ran).toEqual(['set 5']);
    expect(world.state.driven.state).toBe('setting');
    await world.clock.advance(5000);
    await Promise.all(all);
    expect(world.ran).toEqual(['set 5', 'set 6', 'reset']);
    expect(world.state.held).toBeNull();
    const many = Array.from({ length: 20 }, () => world.levers.set(key, { ...by, value: '5' }));
    const results = Promise.allSettled(many);
    await world.clock.advance(60_000);
    const refused = (await results).filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThanOrEqual(4);
    expect(refused[0]).toMatchObject({ reason: { code: 'E_LIMIT' } });
  });

  it('goes back to what was read before the first change, where no base is configured', async () => {
    const world = new World(new TestClock(), {}, { ...driver, reset: null });
    world.value = '4';
    await world.levers.set(key, { ...by, value: '5' });
    await world.levers.set(key, { ...by, value: '6' });
    expect(world.state.base).toBe('4');
    await world.clock.advance(60_000);
    expect(world.ran).toEqual(['set 5', 'set 6', 'set 4']);
  });

  it('gives back what an incident holds, of single tools too', async () => {
    const world = new World();
    await world.levers.set(key, { ...by, value: '5', incident: 'inc-1' });
    await world.levers.set({ ...key, tool: 'search' }, { ...by, value: '6', incident: 'inc-1' });
    await world.levers.set({ ...key, tool: 'fetch' }, { ...by, value: '7', incident: 'inc-2' });
    expect((await world.levers.release('inc-1', 'bob')).map(({ name }) => name)).toEqual([
      'MCP_REPLICAS',
      'MCP_REPLICAS[search]',
    ]);
    expect(world.envs.at(-1)).toMatchObject({ LEVER_TOOL: 'search', LEVER_ACTOR: 'bob' });
    expect(world.levers.list().filter(({ held }) => held)).toHaveLength(1);
  });

  it('shows what is not as it was set', async () => {
    const world = new World();
    await world.levers.set(key, { ...by, value: '5' });
    world.value = '2';
    await world.clock.advance(30_000);
    expect(world.state).toMatchObject({ value: '5', driven: { reads: { value: '2' } } });
    expect(world.log.at(-1)).toMatchObject({ event: 'lever-drifts', from: '5', to: '2' });
    await world.clock.advance(29_000);
    expect(world.events.filter((event) => event === 'lever-drifts')).toHaveLength(1);
  });

  it.each(['0', '21', '1e1', 'x', '', '5\n6', '5; reboot'])('refuses %j and runs nothing', async (value) => {
    const world = new World();
    await expect(world.levers.set(key, { ...by, value })).rejects.toMatchObject({ code: 'E_BAD_VALUE' });
    expect(world.ran).toEqual([]);
  });

  describe('over a restart', () => {
    it('is held for the rest of its time', async () => {
      const world = new World();
      const { held } = await world.levers.set(key, { ...by, value: '5' });
      await restart(world, 30_000);
      expect(world.state).toMatchObject({ value: '5', held });
      await world.clock.advance(29_999);
      expect(world.ran).toEqual(['set 5']);
      await world.clock.advance(1);
      expect(world.ran).toEqual(['set 5', 'reset']);
    });

    it('is given back at start when its time ended meanwhile', async () => {
      const world = new World();
      await world.levers.set(key, { ...by, value: '5' });
      await restart(world, 3_600_000);
      await world.clock.advance(0);
      expect(world.ran).toEqual(['set 5', 'reset']);
      expect(world.state.held).toBeNull();
    });

    it('is still to be given back when that had not succeeded', async () => {
      const world = new World();
      await world.levers.set(key, { ...by, value: '5' });
      world.ends['reset']!.push(FAILED);
      await expect(world.levers.reset(key, 'bob')).rejects.toMatchObject({ code: 'E_LEVER_FAILED' });
      await restart(world, 100);
      await world.clock.advance(0);
      expect(world.state.held).toBeNull();
      expect(world.log.at(-1)).toMatchObject({ event: 'lever-reset', actor: 'bob' });
    });

    it('is unknown when the guard died in the middle of its command, and never set again by itself', async () => {
      const world = new World();
      world.setMs = 5000;
      void world.levers.set(key, { ...by, value: '5' });
      await world.clock.advance(1000);
      const { kept } = world;
      expect(kept).toMatchObject([{ hold: { value: '5' }, driven: { doubt: true } }]);
      const levers = world.start();
      world.ends['read']!.push(FAILED);
      levers.resume(key, kept[0]!);
      await world.clock.advance(100);
      expect(levers.get(key)).toMatchObject({ value: '5', driven: { state: 'unknown' } });
      await world.clock.advance(30_000);
      expect(levers.get(key).driven.state).toBe('settled');
      expect(world.ran).toEqual(['set 5']);
    });
  });

  it('cannot lose its driver while it is held', async () => {
    const world = new World();
    await world.levers.set(key, { ...by, value: '5' });
    expect(() => world.levers.check([], {})).toThrow(expect.objectContaining({ code: 'E_TRANSITION' }));
    await world.levers.reset(key, 'bob');
    world.levers.check([], {});
  });
});

describe('whatever fails, and however often the guard is killed', () => {
  const end = fc.constantFrom(OK, FAILED, UNKNOWN);
  const order = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), value: fc.integer({ min: 4, max: 20 }), ends: end }),
    fc.record({ kind: fc.constant('reset' as const), ends: end }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 90_000 }), ends: end }),
    fc.record({ kind: fc.constant('kill' as const) }),
  );

  it('each change is set at most once, and all is back where it was in the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(order, { maxLength: 15 }), async (orders) => {
        const world = new World();
        world.setMs = 200;
        let changes = 0;
        for (const one of orders) {
          if (one.kind === 'set') {
            changes += 1;
            world.ends['set'] = [one.ends];
            world.levers.set(key, { ...by, value: String(one.value) }).catch(() => {});
            await world.clock.advance(100);
          } else if (one.kind === 'reset') {
            world.ends['reset'] = [one.ends];
            world.levers.reset(key, 'bob').catch(() => {});
            await world.clock.advance(100);
          } else if (one.kind === 'wait') {
            world.ends['reset'] = [one.ends];
            await world.clock.advance(one.ms);
          } else {
            // Nothing of the old one is left but what it had kept.
            const { kept } = world;
            void world.levers.close();
            const levers = world.start();
            for (const lever of kept) levers.resume(key, lever);
          }
        }
        world.ends['reset'] = [];
        await world.clock.advance(200_000);
        expect(world.ran.filter((command) => command !== 'reset').length).toBeLessThanOrEqual(changes);
        expect(world.state).toMatchObject({ value: '3', held: null, driven: { state: 'settled' } });
        expect(world.value).toBe('3');
        expect(world.levers.kept()).toEqual([]);
      }),
    );
  });
});
