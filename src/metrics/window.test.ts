import { describe, expect, it } from 'vitest';
import { makeLabels } from './labels.ts';
import { makeMatcher } from './matchers.ts';
import { SampleWindow } from './window.ts';

const up = (instance: string) =>
  makeLabels([
    ['__name__', 'up'],
    ['instance', instance],
  ]);
const named = (name: string) => [makeMatcher('__name__', '=', name)];

describe('the sample window', () => {
  it('keeps one series per label set, whatever the order of the labels', () => {
    const window = new SampleWindow();
    window.append(
      makeLabels([
        ['a', '1'],
        ['__name__', 'x'],
      ]),
      1000,
      1,
    );
    window.append(
      makeLabels([
        ['__name__', 'x'],
        ['a', '1'],
      ]),
      2000,
      2,
    );
    expect(window.stats()).toMatchObject({ series: 1, points: 2 });
  });

  it('selects by equality, difference and regular expression; an absent label is empty', () => {
    const window = new SampleWindow();
    for (const instance of ['a1', 'a2', 'b1']) window.append(up(instance), 1000, 1);
    const count = (operator: '=' | '!=' | '=~' | '!~', value: string) =>
      window.select([...named('up'), makeMatcher('instance', operator, value)]).length;
    expect([count('=', 'a1'), count('!=', 'a1'), count('=~', 'a.'), count('!~', 'a.')]).toEqual([1, 2, 2, 1]);
    expect(window.select([makeMatcher('zone', '=', ''), ...named('up')])).toHaveLength(3);
    expect(window.select([makeMatcher('instance', '=~', 'a')])).toHaveLength(0);
  });

  it('refuses points that are not newer, and counts them; the same point again is no error', () => {
    const window = new SampleWindow();
    expect(window.append(up('a'), 2000, 1)).toBe('ok');
    expect(window.append(up('a'), 1000, 1)).toBe('out-of-order');
    expect(window.append(up('a'), 2000, 5)).toBe('out-of-order');
    expect(window.append(up('a'), 2000, 1)).toBe('ok');
    expect(window.stats()).toMatchObject({ points: 1, refusedOutOfOrder: 2 });
  });

  it('never holds more series than its bound, and says how many points it refused', () => {
    const window = new SampleWindow({ maxSeries: 2 });
    expect([1, 2, 3, 4].map((n) => window.append(up(`i${n}`), 1000, 1))).toEqual([
      'ok',
      'ok',
      'series-limit',
      'series-limit',
    ]);
    expect(window.append(up('i1'), 2000, 1)).toBe('ok');
    expect(window.stats()).toMatchObject({ series: 2, refusedBySeriesLimit: 2 });
  });

  it('makes room for new series once old ones have run out of the retention', () => {
    const window = new SampleWindow({ maxSeries: 1, retentionSeconds: 10 });
    window.append(up('old'), 0, 1);
    expect(window.append(up('new'), 5000, 1)).toBe('series-limit');
    expect(window.append(up('new'), 20_000, 1)).toBe('ok');
    expect(window.select(named('up')).map((series) => series.labels.instance)).toEqual(['new']);
  });

  it('forgets points beyond the retention and beyond the bound per series', () => {
    const short = new SampleWindow({ retentionSeconds: 10 });
    for (let t = 0; t <= 60_000; t += 1000) short.append(up('a'), t, t);
    expect(short.stats().points).toBe(10);
    const small = new SampleWindow({ maxPointsPerSeries: 7 });
    for (let t = 1; t <= 1000; t++) small.append(up('a'), t, t);
    const [series] = small.select(named('up'));
    expect(Array.from(series!.values(series!.first, series!.firstAfter(1000)))).toEqual([
      994, 995, 996, 997, 998, 999, 1000,
    ]);
  });

  it('finds points by time after many appends and evictions', () => {
    const window = new SampleWindow({ retentionSeconds: 100, maxPointsPerSeries: 50 });
    for (let n = 1; n <= 5000; n++) window.append(up('a'), n * 10, n);
    const [series] = window.select(named('up'));
    expect(series!.size).toBe(50);
    const index = series!.firstAfter(49_900);
    expect([series!.time(index), series!.value(index)]).toEqual([49_910, 4991]);
    expect(series!.lastTime).toBe(50_000);
  });

  it('marks a series stale once, and only when it exists', () => {
    const window = new SampleWindow();
    window.markStale(up('ghost'), 1000);
    expect(window.stats().series).toBe(0);
    window.append(up('a'), 1000, 1);
    window.markStale(up('a'), 2000);
    window.markStale(up('a'), 3000);
    expect(window.stats().points).toBe(2);
  });
});
