import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import type { PublicResult } from './cacheable.ts';
import { type Flight, Flights, type Landing, type Member } from './flights.ts';
import { type CacheLimits, type Kept, type Query, ResultCache } from './result-cache.ts';

const LIMITS: CacheLimits = {
  maxEntries: 2,
  maxBytes: 10_000,
  maxEntryBytes: 5000,
  staleSeconds: 60,
  maxAccepted: 50,
  acceptedSeconds: 30,
};

const query = (key: string, who: string): Query => ({ key, method: key, uri: '', pass: `${key} ${who}` });
const result = (text: string, ttlMs: number): PublicResult => ({
  ttlMs,
  pieces: [text, '', ''],
  idFirst: true,
});
const landing = (text: string, ttlMs: number): Landing => ({
  kind: 'public',
  result: result(text, ttlMs),
  head: {},
});

/** A request of `who`, and what became of it. */
class Asker implements Member {
  readonly query: Query;
  flight: Flight | null = null;
  led: Flight | null = null;
  /** What the server says from the moment it is asked. */
  version = 0;
  readonly #versionNow: () => number;
  got: { text: string; ttlMs: number; how: 'shared' | 'stale' } | 'refused' | null = null;

  constructor(key: string, who: string, versionNow = () => 0) {
    this.query = query(key, who);
    this.#versionNow = versionNow;
  }

  lead(flight: Flight): void {
    expect(this.led ?? this.got).toBeNull();
    this.led = flight;
    this.version = this.#versionNow();
  }

  share({ result: { pieces } }: Kept, ttlMs: number, how: 'shared' | 'stale'): void {
    expect(this.led ?? this.got).toBeNull();
    this.got = { text: pieces[0], ttlMs, how };
  }

  refuse(): void {
    expect(this.led ?? this.got).toBeNull();
    this.got = 'refused';
  }

  deserted(): void {}
}

function bench() {
  const clock = new TestClock();
  const cache = new ResultCache(clock, LIMITS);
  const flights = new Flights(clock, cache);
  const ask = (who = 'ada', key = 'tools/list') => {
    const asker = new Asker(key, who);
    flights.enter(asker);
    return asker;
  };
  return { clock, cache, flights, ask };
}

describe('identical requests', () => {
  it('of one credential are one, and all get its result', () => {
    const { flights, ask } = bench();
    const [first, ...others] = [ask(), ask(), ask()];
    expect(others.map(({ led }) => led)).toEqual([null, null]);
    flights.land(first.led!, landing('a', 500));
    for (const other of others) expect(other.got).toEqual({ text: 'a', ttlMs: 500, how: 'shared' });
    expect(flights.size).toBe(0);
  });

  it('of a credential that no upstream has accepted for them go on their own', () => {
    const { flights, ask } = bench();
    const [ada, eve] = [ask('ada'), ask('eve')];
    expect(eve.led).not.toBeNull();
    flights.land(ada.led!, landing('a', 0));
    flights.land(eve.led!, { kind: 'refused' });
    const again = [ask('ada'), ask('eve'), ask('ada')];
    expect(again.map(({ led }) => led !== null)).toEqual([true, true, false]);
  });

  it('without a ttl are shared by those only who asked before one was sent', () => {
    const { flights, ask } = bench();
    const [first, second, third] = [ask(), ask(), ask()];
    flights.land(first.led!, landing('old', 0));
    expect([second.got, third.got]).toEqual([null, null]);
    const late = ask();
    flights.land(second.led!, landing('new', 0));
    expect(third.got).toMatchObject({ text: 'new' });
    expect(late.got).toBeNull();
    expect(late.led).not.toBeNull();
  });

  it('that were overtaken by a change are for nobody who asked later', () => {
    const { cache, flights, ask } = bench();
    const first = ask();
    cache.changed({ methods: ['tools/list'] });
    const later = ask();
    flights.land(first.led!, landing('old', 60_000));
    expect(later.got).toBeNull();
    expect(later.led).not.toBeNull();
    expect(cache.fresh(first.query)).toBeUndefined();
  });

  it('go each its own way when the result is private, and nobody waits for a while', async () => {
    const { clock, flights, ask } = bench();
    const all = [ask(), ask(), ask()];
    flights.land(all[0]!.led!, { kind: 'private' });
    expect(all.every(({ led }) => led !== null)).toBe(true);
    expect([ask(), ask()].every(({ led }) => led?.alone)).toBe(true);
    await clock.advance(30_001);
    expect(ask().led?.alone).toBe(false);
    expect(ask().led).toBeNull();
  });

  it('are asked for twice when that fails, and then refused', () => {
    const { flights, ask } = bench();
    const [first, second, third, fourth] = [ask(), ask(), ask(), ask()];
    flights.land(first.led!, { kind: 'failed' });
    expect([second.led !== null, third.led, fourth.led]).toEqual([true, null, null]);
    flights.land(second.led!, { kind: 'failed' });
    expect([third.got, fourth.got]).toEqual(['refused', 'refused']);
    expect(ask().led).not.toBeNull();
  });

  it('forget who left, and tell the leader when nobody waits any more', () => {
    const { flights, ask } = bench();
    const [first, second, third] = [ask(), ask(), ask()];
    let deserted = 0;
    first.deserted = () => (deserted += 1);
    flights.leave(second);
    expect(deserted).toBe(0);
    flights.leave(third);
    expect(deserted).toBe(1);
    flights.land(first.led!, landing('a', 5));
    expect([second.got, third.got]).toEqual([null, null]);
  });
});

describe('a result', () => {
  it('is fresh for its ttl, and then given only when the upstream fails, for a bounded time', async () => {
    const { clock, cache, flights, ask } = bench();
    const first = ask();
    flights.land(first.led!, landing('a', 10_000));
    await clock.advance(4000);
    expect(cache.fresh(first.query)).toMatchObject({ ttlMs: 6000 });
    await clock.advance(6000);
    expect(cache.fresh(first.query)).toBeUndefined();
    const [second, third] = [ask(), ask()];
    flights.land(second.led!, { kind: 'failed' });
    expect(third.got).toEqual({ text: 'a', ttlMs: 0, how: 'stale' });
    cache.accept(first.query);
    await clock.advance(29_999);
    expect(cache.stale(first.query)).toBeDefined();
    cache.accept(first.query);
    await clock.advance(29_999);
    cache.accept(first.query);
    expect(cache.stale(first.query)).toBeDefined();
    await clock.advance(3);
    expect(cache.stale(first.query)).toBeUndefined();
  });

  it('is stale at once when an upstream went away, also when it was on its way', () => {
    const { cache, flights, ask } = bench();
    const first = ask();
    flights.land(first.led!, landing('a', 10_000));
    cache.lost();
    expect(cache.fresh(first.query)).toBeUndefined();
    expect(cache.stale(first.query)).toBeDefined();
    const second = ask();
    cache.lost();
    flights.land(second.led!, landing('b', 10_000));
    expect(cache.fresh(first.query)).toBeUndefined();
  });

  it('is not given to a credential that the upstream has refused since', () => {
    const { cache, flights, ask } = bench();
    const first = ask();
    flights.land(first.led!, landing('a', 10_000));
    cache.refuse(first.query);
    expect(cache.fresh(first.query)).toBeUndefined();
    expect(cache.stale(first.query)).toBeUndefined();
  });

  it('is forgotten when it turns private, when it changed, and when there are other upstreams', () => {
    for (const forget of [
      ({ flights, ask }: ReturnType<typeof bench>) => flights.land(ask().led!, { kind: 'private' }),
      ({ cache }: ReturnType<typeof bench>) => cache.changed({ methods: ['tools/list'] }),
      ({ cache }: ReturnType<typeof bench>) => cache.clear(),
    ]) {
      const one = bench();
      const first = one.ask();
      one.flights.land(first.led!, landing('a', 10_000));
      forget(one);
      one.cache.accept(first.query);
      expect(one.cache.stale(first.query)).toBeUndefined();
    }
  });
});

/** A server as the tests of the whole imagine it. */
interface World {
  readonly clock: TestClock;
  readonly cache: ResultCache;
  readonly flights: Flights;
  /** By key: whether its results are public, their ttl, and how often they changed. */
  readonly pages: Map<string, { isPublic: boolean; ttlMs: number; version: number }>;
  readonly allowed: Set<string>;
  readonly asked: { asker: Asker; version: number; settled: boolean }[];
  /** By pass: when an upstream last accepted it. */
  readonly acceptedAt: Map<string, number>;
  /** By key and version: when it was received. */
  readonly receivedAt: Map<string, number>;
}

const KEYS = ['a', 'b', 'c'];
const WHO = ['ada', 'bob', 'eve'];
const keys = fc.constantFrom(...KEYS);
const ttls = fc.constantFrom(0, 5000, 50_000);
const many = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });
const commands = fc.array(
  fc.oneof(
    many(30, fc.record({ do: fc.constant('ask' as const), key: keys, who: fc.constantFrom(...WHO) })),
    many(20, fc.record({ do: fc.constant('land' as const), nth: fc.nat(2), fails: fc.constant(false) })),
    many(4, fc.record({ do: fc.constant('land' as const), nth: fc.nat(2), fails: fc.constant(true) })),
    many(3, fc.record({ do: fc.constant('leave' as const), nth: fc.nat(40) })),
    many(3, fc.record({ do: fc.constant('change' as const), key: keys })),
    many(2, fc.record({ do: fc.constant('turn' as const), key: keys, isPublic: fc.boolean(), ttlMs: ttls })),
    many(1, fc.record({ do: fc.constant('ban' as const), who: fc.constantFrom(...WHO) })),
    many(8, fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20_000 }) })),
    many(1, fc.record({ do: fc.constant('lose' as const) })),
  ),
  { minLength: 60, maxLength: 150 },
);

function land(world: World, asker: Asker, fails: boolean): void {
  const { key, pass } = asker.query;
  const page = world.pages.get(key)!;
  const now = world.clock.monotonic();
  if (fails) world.flights.land(asker.led!, { kind: 'failed' });
  else if (!world.allowed.has(pass.split(' ')[1]!)) {
    world.acceptedAt.delete(pass);
    world.flights.land(asker.led!, { kind: 'refused' });
  } else if (!page.isPublic) world.flights.land(asker.led!, { kind: 'private' });
  else {
    world.acceptedAt.set(pass, now);
    world.receivedAt.set(`${key}${asker.version}`, now);
    world.flights.land(asker.led!, landing(`${key}${asker.version} public`, page.ttlMs));
  }
}

/** What somebody was given without asking the server himself. */
function judge(
  world: World,
  asker: Asker,
  text: string,
  how: 'hit' | 'shared' | 'stale',
  askedVersion: number,
): void {
  const { key, pass } = asker.query;
  expect(text.startsWith(key) && text.endsWith(' public')).toBe(true);
  const acceptedFor = world.clock.monotonic() - (world.acceptedAt.get(pass) ?? Number.NEGATIVE_INFINITY);
  expect(acceptedFor).toBeLessThanOrEqual(LIMITS.acceptedSeconds * 1000);
  const version = text.slice(1, -' public'.length);
  // What was known to be wrong when it was asked for is given to nobody.
  expect(Number(version)).toBeGreaterThanOrEqual(askedVersion);
  const age = world.clock.monotonic() - world.receivedAt.get(`${key}${version}`)!;
  expect(age).toBeLessThanOrEqual(how === 'stale' ? 50_000 + LIMITS.staleSeconds * 1000 : 50_000);
}

describe('whatever happens', () => {
  it('nobody is let in, nothing private or wrong is given, all are answered, and the bounds hold', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (list) => {
        const clock = new TestClock();
        const cache = new ResultCache(clock, LIMITS);
        const world: World = {
          clock,
          cache,
          flights: new Flights(clock, cache),
          pages: new Map(KEYS.map((key) => [key, { isPublic: true, ttlMs: 50_000, version: 0 }])),
          allowed: new Set(['ada', 'bob']),
          asked: [],
          acceptedAt: new Map(),
          receivedAt: new Map(),
        };
        const open = () => world.asked.filter(({ asker, settled }) => asker.led && !settled);
        const check = () => {
          for (const one of world.asked) {
            if (one.settled || !one.asker.got || one.asker.led) continue;
            one.settled = true;
            if (one.asker.got === 'refused') continue;
            judge(world, one.asker, one.asker.got.text, one.asker.got.how, one.version);
          }
          expect(cache.size).toBeLessThanOrEqual(LIMITS.maxEntries);
          expect(cache.bytes).toBeLessThanOrEqual(LIMITS.maxBytes);
        };
        for (const command of list) {
          if (command.do === 'ask') {
            const asker = new Asker(command.key, command.who, () => world.pages.get(command.key)!.version);
            const { version } = world.pages.get(command.key)!;
            const hit = cache.fresh(asker.query);
            if (hit) {
              expect(hit.ttlMs).toBeGreaterThan(0);
              expect(hit.ttlMs).toBeLessThanOrEqual(hit.kept.result.ttlMs);
              judge(world, asker, hit.kept.result.pieces[0], 'hit', version);
            } else {
              world.asked.push({ asker, version, settled: false });
              world.flights.enter(asker);
            }
          } else if (command.do === 'land') {
            const one = open()[command.nth];
            if (one) {
              one.settled = true;
              land(world, one.asker, command.fails);
            }
          } else if (command.do === 'leave') {
            const one = world.asked[command.nth];
            if (one?.asker.flight) {
              world.flights.leave(one.asker);
              one.settled = true;
            }
          } else if (command.do === 'change') {
            world.pages.get(command.key)!.version += 1;
            cache.changed({ methods: [command.key] });
          } else if (command.do === 'turn') {
            const page = world.pages.get(command.key)!;
            page.isPublic = command.isPublic;
            page.ttlMs = command.ttlMs;
          } else if (command.do === 'ban') world.allowed.delete(command.who);
          else if (command.do === 'wait') await clock.advance(command.ms);
          else cache.lost();
          check();
        }
        for (let one = open()[0]; one; one = open()[0]) {
          one.settled = true;
          land(world, one.asker, false);
          check();
        }
        expect(world.asked.filter(({ settled }) => !settled)).toEqual([]);
        expect(world.flights.size).toBe(0);
      }),
      { numRuns: 200, endOnFailure: true },
    );
  });
});
