import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CallKeys } from './call-key.ts';

const keys = new CallKeys();
const key = (args: unknown, more: object = {}) => keys.ofCall('caller', 'tool', { arguments: args, ...more });

/** The same value with the members of every object the other way round. */
function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, one]) => [name, reversed(one)]),
  );
}

describe('CallKeys', () => {
  it('knows the same arguments, in whatever order their members stand', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (args) => {
        expect(key(reversed(args))).toBe(key(args));
      }),
    );
  });

  it('tells different arguments apart', () => {
    const small = fc.jsonValue({ maxDepth: 1, noUnicodeString: true });
    // What JSON writes: it knows no -0.
    const written = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
    fc.assert(
      fc.property(small, small, (one, other) => {
        expect(key(one) === key(other)).toBe(isDeepStrictEqual(written(one), written(other)));
      }),
    );
    expect(
      new Set([{ a: 1 }, { a: '1' }, { a: [1] }, { a: null }, { b: 1 }, {}].map((one) => key(one))).size,
    ).toBe(6);
  });

  it('tells callers and tools apart, wherever one ends and the other begins', () => {
    const all = [
      keys.ofCall('a', 'bc', {}),
      keys.ofCall('ab', 'c', {}),
      keys.ofCall('a","b', 'c', {}),
      keys.ofCall('a', 'b","c', {}),
    ];
    expect(new Set(all).size).toBe(4);
  });

  it('ignores what changes from call to call, and takes a continued call for another', () => {
    expect(key({ a: 1 }, { _meta: { progressToken: 1 } })).toBe(
      key({ a: 1 }, { _meta: { progressToken: 2 } }),
    );
    expect(key({}, { requestState: 'x' })).not.toBe(key({}));
    expect(keys.ofCall('c', 't', {})).toBe(keys.ofCall('c', 't', { arguments: {} }));
    expect(keys.ofCall('c', 't', null)).toBe(keys.ofCall('c', 't', {}));
  });

  it('is different in every guard, and says nothing of what it is made from', () => {
    expect(new CallKeys().of('token')).not.toBe(keys.of('token'));
    expect(keys.of('token')).toMatch(/^[A-Za-z0-9+/]{43}=$/);
  });

  it('gives up on arguments that are nested endlessly, and is quick with long ones', () => {
    const deep = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`) as unknown;
    expect(key(deep)).toBe('');
    const long = { rows: Array.from({ length: 100_000 }, (_, index) => ({ index, name: 'x' })) };
    const before = performance.now();
    expect(key(long)).not.toBe('');
    expect(performance.now() - before).toBeLessThan(1000);
  });
});
