import { describe, expect, it } from 'vitest';
import { makeLabels } from '../labels.ts';
import type { QueryResult } from '../model.ts';
import { SampleWindow } from '../window.ts';
import { evaluateInstant } from './evaluate.ts';
import { rangeNeeded } from './inspect.ts';
import { parsePromql } from './parse.ts';
import { onEnds } from './reach.ts';

const window = new SampleWindow();
const x = makeLabels([['__name__', 'x_total']]);
// One point a minute; the counter begins again after the third.
[10, 20, 40, 4, 10].forEach((value, minute) => window.append(x, minute * 60_000, value));

function ask(query: string, seconds: number): unknown {
  const result: QueryResult = evaluateInstant(query, window, seconds * 1000);
  if (result.type === 'vector') return result.samples.map(({ value }) => value);
  return result.type === 'matrix'
    ? result.series.map(({ points }) => points.map(({ t, value }) => [t / 1000, value]))
    : result;
}

describe('anchored and smoothed selectors', () => {
  it('anchored starts from the last value before the range and extrapolates nothing', () => {
    expect(ask('increase(x_total[1m] anchored)', 150)).toEqual([20]);
    expect(ask('rate(x_total[1m] anchored)', 150)).toEqual([20 / 60]);
    expect(ask('delta(x_total[2m] anchored)', 200)).toEqual([-16]);
    expect(ask('increase(x_total[2m] anchored)', 200)).toEqual([24]);
    expect(ask('changes(x_total[2m] anchored)', 200)).toEqual([2]);
    expect(ask('resets(x_total[2m] anchored)', 200)).toEqual([1]);
  });

  it('anchored gives nothing when no point lies within the range', () => {
    expect(ask('increase(x_total[1m] anchored)', 300)).toEqual([]);
    expect(ask('increase(x_total[1m] anchored)', 299)).toEqual([6]);
  });

  it('smoothed takes both ends from the lines between the points', () => {
    // 15 at 30 s, 30 at 90 s.
    expect(ask('increase(x_total[1m] smoothed)', 90)).toEqual([15]);
    expect(ask('increase(x_total[1m] smoothed offset 1m)', 150)).toEqual([15]);
    expect(ask('x_total[1m] smoothed', 90)).toEqual([
      [
        [30, 15],
        [60, 20],
        [90, 30],
      ],
    ]);
  });

  it('smoothed lets a counter begin again from zero, and a gauge fall', () => {
    // Between 40 at 120 s and 4 at 180 s: 2 for the counter, 22 for the gauge.
    expect(ask('increase(x_total[30s] smoothed)', 150)).toEqual([2]);
    expect(ask('delta(x_total[30s] smoothed)', 150)).toEqual([-18]);
  });

  it('a smoothed instant selector lies between its neighbours and holds the last value', () => {
    expect(ask('x_total smoothed', 90)).toEqual([30]);
    expect(ask('x_total smoothed', 120)).toEqual([40]);
    expect(ask('x_total smoothed', 400)).toEqual([10]);
    expect(ask('x_total smoothed', 540)).toEqual([]);
    expect(ask('1 + x_total smoothed * 2', 90)).toEqual([61]);
    expect(ask('x_total smoothed', -30)).toEqual([]);
  });

  it('are refused where they mean nothing', () => {
    expect(() => parsePromql('deriv(x[1m] smoothed)')).toThrow(
      'smoothed modifier can only be used with: delta, increase, rate - not with deriv',
    );
    expect(() => parsePromql('irate(x[1m] anchored)')).toThrow(/not with irate/);
    for (const query of ['x anchored', 'x[5m:1m] smoothed', '(x) smoothed', 'x smoothed[5m]']) {
      expect(() => parsePromql(query), query).toThrow(expect.objectContaining({ code: 'E_PROMQL_SYNTAX' }));
    }
  });

  it('need the look-back beside the range', () => expect(rangeNeeded('rate(x[5m] anchored)')).toBe(600));

  it('a range whose points all lie after it has no smoothed ends', () => {
    const points = { times: [90], values: [1] };
    expect(onEnds(points, { start: 0, end: 60, reach: 'smoothed', counter: false })).toBeUndefined();
  });
});
