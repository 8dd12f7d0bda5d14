import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { parseExposition } from '../exposition.ts';
import { formatSeries, makeLabels } from '../labels.ts';
import { SampleWindow } from '../window.ts';
import { evaluateInstant, evaluateRange } from './evaluate.ts';
import { metricNames, rangeNeeded } from './inspect.ts';

/** A window with points every 10 s from 0, `value(step)` for each series. */
function filled(series: Record<string, (step: number) => number>, steps = 31): SampleWindow {
  const window = new SampleWindow();
  for (const [text, value] of Object.entries(series)) {
    const { labels } = parseExposition(`${text} 0`).samples[0]!;
    for (let step = 0; step < steps; step++) window.append(labels, step * 10_000, value(step));
  }
  return window;
}

function ask(window: SampleWindow, query: string, at = 300_000): Record<string, number> | number | string {
  const result = evaluateInstant(query, window, at);
  if (result.type === 'scalar' || result.type === 'string') return result.value;
  if (result.type === 'matrix') throw new Error('a matrix');
  return Object.fromEntries(result.samples.map(({ labels, value }) => [formatSeries(labels), value]));
}

describe('evaluating PromQL', () => {
  it('looks back five minutes, the left end left out', () => {
    const window = new SampleWindow();
    window.append(makeLabels([['__name__', 'x']]), 1000, 7);
    expect(ask(window, 'x', 300_999)).toEqual({ x: 7 });
    expect(ask(window, 'x', 301_000)).toEqual({});
    expect(evaluateInstant('x', window, 12_000, { lookbackMs: 10_000 })).toEqual({
      type: 'vector',
      samples: [],
    });
  });

  it('does not see a series after its stale marker, and sees it again when it comes back', () => {
    const window = new SampleWindow();
    const x = makeLabels([['__name__', 'x']]);
    window.append(x, 0, 1);
    window.markStale(x, 10_000);
    window.append(x, 20_000, 3);
    expect([5000, 10_000, 15_000, 20_000].map((at) => ask(window, 'x', at))).toEqual([
      { x: 1 },
      {},
      {},
      { x: 3 },
    ]);
    expect(ask(window, 'count_over_time(x[1m])', 20_000)).toEqual({ '{}': 2 });
  });

  it('keeps the name until the end: by, label_replace and on see it', () => {
    const window = filled({ a_total: (n) => n, b_total: (n) => 2 * n });
    const rates = 'rate({__name__=~"._total"}[1m])';
    expect(() => ask(window, rates)).toThrow(/same labelset/);
    expect(ask(window, `label_replace(${rates}, "__name__", "rate_$1", "__name__", "(.).*")`)).toEqual({
      rate_a: 0.1,
      rate_b: 0.2,
    });
    expect(ask(window, `sum(${rates})`)).toEqual({ '{}': expect.closeTo(0.3) as number });
  });

  it('counts the quantile of a classic histogram from rates', () => {
    const window = filled({
      'd_bucket{le="0.1"}': (n) => n * 50,
      'd_bucket{le="0.5"}': (n) => n * 90,
      'd_bucket{le="+Inf"}': (n) => n * 100,
    });
    expect(ask(window, 'histogram_quantile(0.7, rate(d_bucket[1m]))')).toEqual({
      '{}': expect.closeTo(0.3) as number,
    });
    expect(ask(window, 'histogram_quantile(0.99, rate(d_bucket[1m]))')).toEqual({ '{}': 0.5 });
    expect(ask(window, 'histogram_fraction(0, 0.1, rate(d_bucket[1m]))')).toEqual({
      '{}': expect.closeTo(0.5) as number,
    });
  });

  it('refuses a query that meets a native histogram', () => {
    const window = new SampleWindow();
    window.markHistogram(makeLabels([['__name__', 'h']]), 1000);
    for (const query of ['h', 'rate(h[1m])', 'sum(h)']) {
      expect(() => ask(window, query, 2000)).toThrow(
        expect.objectContaining({ code: 'E_PROMQL_UNSUPPORTED' }),
      );
    }
  });

  it('works with labels that are called like parts of JavaScript objects', () => {
    const window = filled({ 'x{__proto__="a",constructor="b"}': () => 1, 'x{constructor="c"}': () => 2 });
    expect(ask(window, 'sum by (__proto__) (x)')).toEqual({ '{__proto__="a"}': 1, '{}': 2 });
    expect(ask(window, 'x{toString=""}')).toEqual({
      'x{__proto__="a", constructor="b"}': 1,
      'x{constructor="c"}': 2,
    });
  });

  it('gives a series per label set over a range, with gaps', () => {
    const window = filled({ 'x{a="1"}': (n) => n, 'x{a="2"}': (n) => 3 - n }, 4);
    const result = evaluateRange('x > 1', window, { startMs: 0, endMs: 30_000, stepMs: 10_000 });
    expect(
      result.map(({ labels, points }) => [formatSeries(labels), points.map(({ t, value }) => [t, value])]),
    ).toEqual([
      [
        'x{a="2"}',
        [
          [0, 3],
          [10_000, 2],
        ],
      ],
      [
        'x{a="1"}',
        [
          [20_000, 2],
          [30_000, 3],
        ],
      ],
    ]);
    expect(() => evaluateRange('x[1m]', window, { startMs: 0, endMs: 1, stepMs: 1 })).toThrow(/range vector/);
  });

  it('stops a query that touches too much', () => {
    const window = filled({ x: (n) => n });
    expect(() =>
      evaluateInstant('max_over_time(x[5m:1ms])', window, 300_000, { maxSamples: 50_000 }),
    ).toThrow(
      expect.objectContaining({
        code: 'E_PROMQL_FAILED',
        message: expect.stringMatching(/50000 samples/) as string,
      }),
    );
    expect(() => evaluateRange('x', window, { startMs: 0, endMs: 1e12, stepMs: 1 })).toThrow(/steps/);
  });

  it('stops a query that takes too long, or is cancelled', () => {
    const window = filled({ x: (n) => n });
    const clock = new TestClock();
    let calls = 0;
    const slow = Object.assign(Object.create(clock) as TestClock, {
      monotonic: () => (calls++ === 0 ? 0 : 11_000),
    });
    const query = 'max_over_time(x[5m:1ms])';
    expect(() => evaluateInstant(query, window, 300_000, { clock: slow })).toThrow(
      expect.objectContaining({ code: 'E_TIMEOUT' }),
    );
    const signal = AbortSignal.abort();
    expect(() => evaluateInstant(query, window, 300_000, { signal })).toThrow(
      expect.objectContaining({ code: 'E_CANCELLED' }),
    );
  });

  it('takes the functions of durations in any case', () => {
    const window = filled({ x: (step) => step });
    const range = { startMs: 100_000, endMs: 120_000, stepMs: 20_000 };
    const values = (query: string) =>
      evaluateRange(query, window, range).flatMap(({ points }) => points.map(({ value }) => value));
    expect(values('x offset STEP()')).toEqual([8, 10]);
    expect(values('count_over_time(x[Max_Of(rAnGe (), 1s)])')).toEqual([2, 2]);
    expect(values('x offset -STEP()')).toEqual([12, 14]);
  });

  it('matches series whose type and unit differ, unless `on` names these', () => {
    const window = filled({
      'a{__type__="counter",__unit__="s",job="j"}': () => 6,
      'b{__type__="gauge",job="j"}': () => 3,
    });
    expect(ask(window, 'a / b')).toEqual({ '{job="j"}': 2 });
    expect(ask(window, 'a + ignoring(job) fill(1) b')).toEqual({ '{}': 9 });
    expect(ask(window, 'b and a')).toEqual({ 'b{__type__="gauge", job="j"}': 3 });
    expect(ask(window, 'a / on(job, __type__) b')).toEqual({});
  });
});

describe('what a query needs', () => {
  it.each([
    ['up', 0],
    ['rate(x[5m])', 300],
    ['rate(x[5m] offset 1m) > 2 * rate(y[1m])', 360],
    ['max_over_time(rate(x[5m])[1h:1m] offset 10m)', 4500],
    ['x offset -5m', 0],
    ['1 + 1', 0],
  ])('%s needs %i s', (query, seconds) => expect(rangeNeeded(query)).toBe(seconds));

  it('names the metrics', () => {
    expect(metricNames('sum(rate(a_total[5m])) / on(x) b{c="d"} or {"my.metric"} or a_total')).toEqual([
      'a_total',
      'b',
      'my.metric',
    ]);
  });
});
