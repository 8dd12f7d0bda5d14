import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fingerprint, formatSeries, labelsKey, makeLabels } from './labels.ts';
import { almostEqual, formatPlainFloat, parseFloatText } from './numbers.ts';

describe('label sets', () => {
  it('have the fingerprint that Alertmanager gives them', () => {
    // Values of model/signature_test.go in prometheus/common.
    expect(fingerprint(makeLabels([]))).toBe(14_695_981_039_346_656_037n.toString(16));
    const labels = makeLabels([
      ['name', 'garland, briggs'],
      ['fear', 'love is not enough'],
    ]);
    expect(fingerprint(labels)).toBe(5_799_056_148_416_392_346n.toString(16));
  });

  it('have the same key exactly when they are equal', () => {
    const pairs = fc.dictionary(
      fc.string({ minLength: 1, maxLength: 3 }),
      fc.string({ minLength: 1, maxLength: 3 }),
    );
    fc.assert(
      fc.property(pairs, pairs, (a, b) => {
        const same =
          Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([k, v]) => b[k] === v);
        expect(labelsKey(makeLabels(Object.entries(a))) === labelsKey(makeLabels(Object.entries(b)))).toBe(
          same,
        );
      }),
    );
    expect(labelsKey(makeLabels([['ab', 'c']]))).not.toBe(labelsKey(makeLabels([['a', 'bc']])));
  });

  it('are written as Prometheus writes series', () => {
    expect(formatSeries(makeLabels([]))).toBe('{}');
    expect(formatSeries(makeLabels([['__name__', 'up']]))).toBe('up');
    expect(
      formatSeries(
        makeLabels([
          ['__name__', 'up'],
          ['b', '2'],
          ['a', 'x"y'],
        ]),
      ),
    ).toBe('up{a="x\\"y", b="2"}');
    expect(
      formatSeries(
        makeLabels([
          ['__name__', 'my.metric'],
          ['a b', '1'],
        ]),
      ),
    ).toBe('{"my.metric", "a b"="1"}');
  });
});

describe('numbers', () => {
  it.each([
    ['1', 1],
    ['-1.5e-3', -0.0015],
    ['.5', 0.5],
    ['2.', 2],
    ['+inf', Number.POSITIVE_INFINITY],
    ['nan', Number.NaN],
    ['0x10', 16],
    ['', undefined],
    ['1e', undefined],
    ['--1', undefined],
    ['1 2', undefined],
  ])('reads %j', (text, value) => expect(parseFloatText(text)).toEqual(value));

  it('writes floats without exponents', () => {
    expect([1e21, 1.5e-7, -2.5e22, 0.1, 100].map(formatPlainFloat)).toEqual([
      '1000000000000000000000',
      '0.00000015',
      '-25000000000000000000000',
      '0.1',
      '100',
    ]);
  });

  it('compares within a relative tolerance', () => {
    expect(almostEqual(1, 1.000001, 1e-6)).toBe(true);
    expect(almostEqual(1, 1.00001, 1e-6)).toBe(false);
    expect(almostEqual(0, 1e-9, 1e-6)).toBe(false);
    expect(almostEqual(Number.NaN, Number.NaN, 1e-6)).toBe(true);
    expect(almostEqual(Number.POSITIVE_INFINITY, 1e308, 1e-6)).toBe(false);
  });
});
