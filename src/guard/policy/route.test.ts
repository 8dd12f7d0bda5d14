import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { DISCOVER } from './eras.ts';
import { NO_MESSAGE } from './message.ts';
import { needOf, Route } from './route.ts';
import { type Upstream, UpstreamSet } from './upstreams.ts';

function set(...names: string[]) {
  const upstreams = new UpstreamSet(new TestClock());
  const added = upstreams.set(names.map((name) => `http://${name}:1`)).added as Upstream[];
  for (const one of added) one.up = true;
  return { upstreams, added };
}

const REJECTION = { error: { code: -32_000 } };
const DISCOVERY = { result: { supportedVersions: ['2026-07-28'] } };

describe('Route', () => {
  it('tries a rejected request elsewhere, and does not go to the wrong place again', () => {
    const { upstreams, added } = set('older', 'newer');
    const [older, newer] = added as [Upstream, Upstream];
    const went: string[] = [];
    for (let round = 0; round < 6; round++) {
      const route = new Route(upstreams, 'newer', DISCOVER, true);
      for (let upstream = route.next(); upstream; upstream = route.next()) {
        went.push(upstream === older ? 'older' : 'newer');
        const status = upstream === older ? 400 : 200;
        if (route.answered(status) === 'pass') break;
        if (route.accepts(status, upstream === older ? REJECTION : DISCOVERY)) break;
      }
    }
    expect(went.filter((name) => name === 'older').length).toBeLessThanOrEqual(1);
    expect(went.filter((name) => name === 'newer')).toHaveLength(6);
    expect([older.eras.knows('newer', 0), newer.eras.knows('newer', 0)]).toEqual(['no', 'yes']);
  });

  it('learns nothing bad from a request that is odd', () => {
    const { upstreams, added } = set('a', 'b');
    const route = new Route(upstreams, 'newer', 'tools/list', false);
    const asked = route.next()!;
    expect(route.answered(400)).toBe('look');
    expect(route.accepts(400, REJECTION)).toBe(false);
    expect(asked.eras.knows('newer', 0)).toBe('unknown');
    expect(route.next()).toBe(added.find((one) => one !== asked));
  });

  it('passes the last answer when nobody speaks the era, and every answer of a single upstream', () => {
    const two = set('a', 'b');
    const route = new Route(two.upstreams, 'newer', 'tools/list', true);
    route.next();
    expect(route.accepts(400, REJECTION)).toBe(false);
    route.next();
    expect(route.accepts(400, REJECTION)).toBe(true);
    const one = new Route(set('a').upstreams, 'newer', DISCOVER, true);
    one.next();
    expect(one.answered(400)).toBe('pass');
  });

  it('has a client wait for the server of its era that is down, rather than meet one of the other era', () => {
    const { upstreams, added } = set('older', 'newer');
    const [older, newer] = added as [Upstream, Upstream];
    newer.eras.learn('newer', true, 0);
    newer.up = false;
    newer.boot += 1;
    const first = new Route(upstreams, 'newer', DISCOVER, true);
    expect(first.next()).toBe(older);
    expect(first.accepts(400, REJECTION)).toBe(false);
    expect(first.next()).toBeUndefined();
    expect(new Route(upstreams, 'newer', DISCOVER, true).next()).toBeUndefined();
    expect(new Route(upstreams, 'sessionless', 'tools/list', true).next()).toBe(older);
  });

  it('looks for the holder of a session, and prefers the protocol’s own denial', () => {
    const { upstreams, added } = set('older', 'newer');
    added[1]!.eras.learn('older', false, 0);
    const route = new Route(upstreams, 'session', 'tools/list', true);
    expect(route.next()).toBe(added[0]);
    expect(route.answered(404)).toBe('next');
    expect(route.next()).toBe(added[1]);
    expect(route.answered(400)).toBe('next');
    expect(route.next()).toBeUndefined();
    expect(route.denial).toBe('unknown');
  });

  it('does not take a session for lost where its holder merely offers no stream', () => {
    const { upstreams } = set('a', 'b', 'c');
    const route = new Route(upstreams, 'session', '', true);
    const verdicts = [404, 405, 404].map((status) => {
      route.next();
      return route.answered(status);
    });
    expect(verdicts).toEqual(['next', 'next', 'next']);
    expect(route.denial).toBe('not-offered');
  });

  it('asks each upstream once at most, whatever they answer and whoever is up', () => {
    const needs = fc.constantFrom(
      'newer' as const,
      'sessionless' as const,
      'session' as const,
      'anything' as const,
    );
    const answers = fc.constantFrom(undefined, REJECTION, DISCOVERY, { error: { code: -32_022 } });
    const step = fc.record({
      status: fc.constantFrom(200, 400, 404, 405, 503),
      answer: answers,
      up: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        needs,
        fc.array(step),
        fc.boolean(),
        (size, need, steps, regular) => {
          const { upstreams } = set(...Array.from({ length: size }, (_, index) => `h${index}`));
          for (let round = 0; round < 4; round++) {
            const route = new Route(upstreams, need, DISCOVER, regular);
            const asked: Upstream[] = [];
            for (const { status, answer, up } of steps) {
              const upstream = route.next();
              if (!upstream) break;
              asked.push(upstream);
              upstream.up = up;
              const verdict = route.answered(status);
              if (verdict === 'pass' || (verdict === 'look' && route.accepts(status, answer))) break;
            }
            expect(new Set(asked).size).toBe(asked.length);
          }
        },
      ),
    );
  });
});

describe('needOf', () => {
  it('tells what a message needs from its era, and nothing of what is no message', () => {
    expect(needOf({ ...NO_MESSAGE, kind: 'request' }, true)).toBe('newer');
    expect(needOf({ ...NO_MESSAGE, kind: 'one-way' }, false)).toBe('sessionless');
    expect(needOf(NO_MESSAGE, true)).toBe('anything');
  });
});
