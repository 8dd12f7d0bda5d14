import { array, assert, double, integer, property, string, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bindCommand, bindQuery } from './bindings.ts';
import type { Bound } from './bound.ts';
import { histogramQuantile } from './histogram.ts';
import { formatQuantity, parseQuantity } from './quantity.ts';

function bind(stdout: string, exit = 0): Bound {
  return bindCommand({ stdout, exit, truncated: false }, null);
}

function bindTwo(first: string, second: string, seconds: number): Bound {
  const sampled = { exit: 0, truncated: false };
  return bindCommand({ ...sampled, stdout: first }, { ...sampled, stdout: second, seconds });
}

/** A histogram with cumulative counts for 0.1, 0.5, 1 and +Inf. */
function page(counts: readonly number[], sum: number): string {
  const buckets = ['0.1', '0.5', '1', '+Inf'].map(
    (le, index) => `h_seconds_bucket{le="${le}"} ${counts[index]}\n`,
  );
  return `${buckets.join('')}h_seconds_sum ${sum}\nh_seconds_count ${counts[3]}\n`;
}

function pageWithCounter(count: number): string {
  return `m_total ${count}\n${page([1, 1, 1, 1], 1)}`;
}

describe('plain output', () => {
  it('gives the exit code, the text and the number of lines', () => {
    expect(bind('a\nb\n', 3).values).toEqual({ exit: 3, stdout: 'a\nb\n', lines: 2 });
    expect(bind('one').values).toMatchObject({ lines: 1 });
  });

  it('of nothing has no lines, and says why it has no value', () => {
    const bound = bind('');
    expect(bound.values).toEqual({ exit: 0, stdout: '', lines: 0, series: [], values: [] });
    expect(bound.absent['value']).toBe('the command printed nothing');
  });

  it.each([
    ['42\n', 42, 'plain'],
    [' -1.5e3 ', -1500, 'plain'],
    ['212ms', 0.212, 'seconds'],
    ['45 %', 0.45, 'share'],
    ['600/min', 10, 'per-second'],
    ['1.5Gi', 1.5 * 1024 ** 3, 'plain'],
  ])('that is one figure, %j, gives its value in SI units', (text, value, quantity) => {
    const bound = bind(text);
    expect(bound.values['value']).toBeCloseTo(value, 9);
    expect(bound.quantities['value']).toBe(quantity);
  });

  it.each(['12 pods', '1.2.3.4', '5 furlongs', 'NaN', '1 2', '0x10', ''])(
    'that is no single figure, %j, gives none',
    (text) => {
      expect(bind(text).values).not.toHaveProperty('value');
    },
  );

  it('that is JSON gives it', () => {
    expect(bind('{"items": [1, 2]}\n').values['json']).toEqual({ items: [1, 2] });
    expect(bind('{"items": ').values).not.toHaveProperty('json');
  });

  it('that was cut gives neither lines nor a value', () => {
    const bound = bindCommand({ stdout: '5', exit: 0, truncated: true }, null);
    expect(bound.values).toEqual({ exit: 0, stdout: '5' });
    expect(bound.absent['lines']).toMatch(/too long/);
  });
});

describe('metrics text', () => {
  it('gives the sum over the series, also without HELP and TYPE', () => {
    const bound = bind('m_total{outcome="ok"} 3\nm_total{outcome="failed"} 4\n');
    expect(bound.values).toMatchObject({ value: 7, lines: 2, values: [3, 4] });
    expect(bound.values['series']).toEqual([
      { name: 'm_total', labels: { outcome: 'ok' }, value: 3 },
      { name: 'm_total', labels: { outcome: 'failed' }, value: 4 },
    ]);
    expect(bound.absent['rate']).toBe('there was no second sample');
  });

  it('of several metrics has no one value, and says what to do', () => {
    const bound = bind('a 1\nb 2\n');
    expect(bound.values).not.toHaveProperty('value');
    expect(bound.absent['value']).toBe('the output has 2 metrics (a, b): select one');
  });

  it('gives the rate between two samples, per second', () => {
    const bound = bindTwo(
      'm_total{a="1"} 10\nm_total{a="2"} 5\n',
      'm_total{a="1"} 16\nm_total{a="2"} 8\n',
      3,
    );
    expect(bound.values['rate']).toBe(3);
    expect(bound.values['value']).toBe(24);
  });

  it('counts a counter that was reset, and a new one, from zero', () => {
    const bound = bindTwo('m_total{a="1"} 1000\n', 'm_total{a="1"} 6\nm_total{a="2"} 4\n', 2);
    expect(bound.values['rate']).toBe(5);
  });

  it('gives no rate of a gauge', () => {
    const gauge = '# TYPE depth gauge\ndepth 5\n';
    expect(bindTwo(gauge, gauge, 1).absent['rate']).toBe('the output has no counter');
  });

  it('shows the rate of seconds as a share', () => {
    const bound = bindTwo('process_cpu_seconds_total 10\n', 'process_cpu_seconds_total 12.7\n', 3);
    expect(formatQuantity(bound.values['rate'] as number, bound.quantities['rate']!)).toBe('90%');
  });

  it('sums a page that is there twice', () => {
    expect(bind('m 1\nm 1\n').values['value']).toBe(2);
  });

  it('that is NaN is no value', () => {
    expect(bind('m NaN\n').absent['value']).toBe('the metric is NaN');
  });

  it('needs nearly all lines to be metrics', () => {
    expect(bind('Name Ready\npod-1 1/1 Running 0\nfoo 1\n').values).not.toHaveProperty('series');
  });
});

describe('a histogram', () => {
  it('gives percentiles and the mean over what came between two samples', () => {
    const { values } = bindTwo(page([1000, 1000, 1000, 1000], 50), page([1000, 1010, 1020, 1020], 62), 2);
    expect(values).toMatchObject({ p50: 0.5, p90: 0.9, mean: 0.6, rate: 10 });
    expect(values['p99']).toBeCloseTo(0.99, 9);
  });

  it('gives them over the whole where nothing came between', () => {
    const same = page([10, 10, 10, 10], 0.5);
    expect(bindTwo(same, same, 2).values).toMatchObject({ p50: 0.05, mean: 0.05, rate: 0 });
  });

  it('gives no value, and says what to use', () => {
    expect(bind(page([1, 1, 1, 1], 1)).absent['value']).toMatch(/use p50, p90, p95, p99, mean or rate/);
  });

  it('without observations, or without its +Inf bucket, gives no percentile', () => {
    expect(bind(page([0, 0, 0, 0], 0)).absent['p95']).toMatch(/no observations/);
    expect(bind('h_bucket{le="0.1"} 5\nh_bucket{le="1"} 6\n').absent['p95']).toMatch(
      /not all of its buckets/,
    );
  });

  it('is taken together over its other labels', () => {
    const text = ['a', 'b']
      .map((server) => `h_bucket{s="${server}",le="1"} 5\nh_bucket{s="${server}",le="+Inf"} 10\n`)
      .join('');
    expect(bind(text).values['p50']).toBe(1);
  });

  it('of two kinds in one output gives none', () => {
    const text = 'a_bucket{le="+Inf"} 1\nb_bucket{le="+Inf"} 1\n';
    expect(bind(text).absent['p95']).toBe('the output has 2 metrics (a, b): select one');
  });

  it('beside a counter leaves the counter its value and rate', () => {
    expect(bindTwo(pageWithCounter(1), pageWithCounter(5), 2).values).toMatchObject({ value: 5, rate: 2 });
  });
});

describe('a summary', () => {
  it('gives the percentiles it states', () => {
    const text =
      's_seconds{quantile="0.5"} 0.1\ns_seconds{quantile="0.95"} 0.4\ns_seconds_sum 9\ns_seconds_count 3\n';
    expect(bind(text).values).toMatchObject({ p50: 0.1, p95: 0.4 });
    expect(bind(text).values).not.toHaveProperty('p99');
  });
});

describe('a quantile', () => {
  const cumulative = array(
    tuple(double({ min: 0.001, max: 1e6, noNaN: true }), integer({ min: 0, max: 1000 })),
    {
      minLength: 1,
      maxLength: 12,
    },
  ).map((pairs) => {
    let count = 0;
    const sorted = [...new Map(pairs)].toSorted(([a], [b]) => a - b);
    const buckets = sorted.map(([le, more]) => ({ le, count: (count += more) }));
    return [...buckets, { le: Number.POSITIVE_INFINITY, count: count + 1 }];
  });

  it('lies in the bucket that holds its rank, and never falls when q grows', () => {
    assert(
      property(cumulative, double({ min: 0.01, max: 0.99, noNaN: true }), (buckets, q) => {
        const value = histogramQuantile(q, buckets);
        const rank = q * buckets.at(-1)!.count;
        const index = buckets.findIndex(({ count }) => count >= rank);
        const highest = buckets.at(-2)!.le;
        expect(value).toBeGreaterThanOrEqual(Math.min(highest, index === 0 ? 0 : buckets[index - 1]!.le));
        expect(value).toBeLessThanOrEqual(Math.min(highest, buckets[index]!.le));
        expect(histogramQuantile(Math.min(1, q + 0.01), buckets)).toBeGreaterThanOrEqual(value);
      }),
    );
  });

  it('is NaN where Prometheus says so', () => {
    expect(histogramQuantile(0.5, [])).toBeNaN();
    expect(histogramQuantile(0.5, [{ le: Number.POSITIVE_INFINITY, count: 3 }])).toBeNaN();
    expect(histogramQuantile(0.5, [{ le: 1, count: 3 }])).toBeNaN();
  });
});

describe('any output', () => {
  it('is bound without an error, and a name is either bound or has a reason', () => {
    assert(
      property(string(), string(), (first, second) => {
        const bound = bindTwo(first, second, 1);
        for (const name of ['value', 'json', 'rate', 'p95', 'mean']) {
          expect(name in bound.values || name in bound.absent).toBe(true);
        }
        expect(parseQuantity(first)?.value ?? 0).not.toBeNaN();
      }),
    );
  });
});

describe('the answer to a query', () => {
  it('of one sample or a scalar is its value', () => {
    expect(bindQuery({ type: 'scalar', value: 3 }).values).toMatchObject({ value: 3, values: [3] });
    const vector = { type: 'vector', samples: [{ labels: { job: 'a' }, value: 2 }] } as const;
    expect(bindQuery(vector).values).toMatchObject({ value: 2, values: [2], series: vector.samples });
  });

  it('of no sample is an empty list and no value', () => {
    const bound = bindQuery({ type: 'vector', samples: [] });
    expect(bound.values).toEqual({ values: [], series: [] });
    expect(bound.absent['value']).toBe('the query found no data');
  });

  it('of several samples has no one value', () => {
    const samples = [1, 2].map((value) => ({ labels: {}, value }));
    expect(bindQuery({ type: 'vector', samples }).absent['value']).toMatch(/2 series: aggregate them/);
  });

  it('that is NaN has no value', () => {
    expect(bindQuery({ type: 'scalar', value: Number.NaN }).absent['value']).toBe('the query gives NaN');
  });

  it('about a percentile of seconds is shown as a duration', () => {
    const result = { type: 'vector', samples: [{ labels: {}, value: 4.8 }] } as const;
    const bound = bindQuery(result, 'histogram_quantile(0.95, rate(x_duration_seconds_bucket[1m]))');
    expect(formatQuantity(4.8, bound.quantities['value']!)).toBe('4.8 s');
  });
});
