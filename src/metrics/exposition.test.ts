import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExposition } from './exposition.ts';
import { formatSeries, isPlainMetricName, NAME } from './labels.ts';
import { formatFloat } from './numbers.ts';

function read(text: string): string[] {
  return parseExposition(text).samples.map(
    ({ labels, value }) => `${formatSeries(labels)} ${formatFloat(value)}`,
  );
}

describe('reading Prometheus text', () => {
  it('reads samples, labels, escapes and special values', () => {
    const text = String.raw`
# HELP up Whether it is \\ up\nor not
# TYPE up gauge
up 1
http_total{ method = "GET", path="C:\\dir\"x\"\n" , } 1.5e3
nan NaN
inf{a="b"} +Inf
minus -Inf
hex 0x1F
`;
    expect(read(text)).toEqual([
      'up 1',
      'http_total{method="GET", path="C:\\\\dir\\"x\\"\\n"} 1500',
      'nan NaN',
      'inf{a="b"} +Inf',
      'minus -Inf',
      'hex 31',
    ]);
    expect(parseExposition(text).families.get('up')).toEqual({
      help: 'Whether it is \\ up\nor not',
      type: 'gauge',
      unit: '',
    });
  });

  it('reads time stamps as milliseconds, and as seconds in OpenMetrics', () => {
    expect(parseExposition('a 1 1700000000000').samples[0]).toMatchObject({ value: 1, t: 1_700_000_000_000 });
    expect(parseExposition('a 1 1700000000.5', { format: 'openmetrics' }).samples[0]).toMatchObject({
      t: 1_700_000_000_500,
    });
  });

  it('bears OpenMetrics: units, exemplars, and the end of the exposition', () => {
    const text = [
      '# TYPE d_seconds histogram',
      '# UNIT d_seconds seconds',
      'd_seconds_bucket{le="0.1"} 8 # {trace_id="abc"} 0.67 1520879607.7',
      'd_seconds_count 8 1520879607.7 # {trace_id="abc"} 0.67',
      '# EOF',
      'after 1',
    ].join('\n');
    const result = parseExposition(text, { format: 'openmetrics' });
    expect(result.samples.map((sample) => sample.labels[NAME])).toEqual([
      'd_seconds_bucket',
      'd_seconds_count',
    ]);
    expect(result.families.get('d_seconds')).toMatchObject({ unit: 'seconds', type: 'histogram' });
    expect(result.problemCount).toBe(0);
  });

  it('reads quoted UTF-8 names', () => {
    expect(read('{"my.metric","a label"="x"} 2')).toEqual(['{"my.metric", "a label"="x"} 2']);
  });

  it('keeps labels that are called like parts of JavaScript objects', () => {
    const [sample] = parseExposition('x{__proto__="p",constructor="c"} 1').samples;
    expect(Object.entries(sample!.labels)).toEqual([
      [NAME, 'x'],
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]);
  });

  it.each([
    ['no_value', 'the value is missing'],
    ['x abc', 'the value abc is not a number'],
    ['x{a="b" 1', 'the label list is not closed'],
    ['x{a="b} 1', 'the value of label a is not a quoted string'],
    ['x{a} 1', 'the label a has no value'],
    ['x{a="1",a="2"} 1', 'the label a occurs twice'],
    ['{a="1"} 1', 'the metric name is missing'],
    ['x 1 yesterday', 'the time stamp yesterday is not a time'],
    ['x 1 2 3', 'there is text after the sample'],
  ])('says what is wrong with %s, and reads the other lines', (line, message) => {
    const result = parseExposition(`a 1\n${line}\nb 2\n`);
    expect(result.problems).toEqual([{ line: 2, message }]);
    expect(result.samples).toHaveLength(2);
  });

  it('holds its bounds', () => {
    expect(parseExposition('x 1\n'.repeat(10), { maxSamples: 3 })).toMatchObject({ truncated: true });
    expect(parseExposition('x 1\n'.repeat(10), { maxSamples: 3 }).samples).toHaveLength(3);
    expect(parseExposition('x 1\n'.repeat(10), { maxLength: 8 })).toMatchObject({ truncated: true });
    expect(
      parseExposition(`x{a="${'y'.repeat(50)}"} 1`, { maxLabelLength: 40 }).problems[0]?.message,
    ).toMatch(/longer/);
    expect(parseExposition('x{a="1",b="2",c="3"} 1', { maxLabels: 2 }).problems[0]?.message).toMatch(
      /more than 2/,
    );
    expect(parseExposition('?\n'.repeat(500))).toMatchObject({ problemCount: 500 });
    expect(parseExposition('?\n'.repeat(500)).problems).toHaveLength(100);
  });
});

const labelName = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/);
const metricName = fc.oneof(fc.stringMatching(/^[a-z_:][a-z0-9_:]{0,8}$/), fc.string({ minLength: 1 }));

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

describe('any exposition', () => {
  it('gives back what was written', () => {
    const sample = fc.record({
      name: metricName,
      labels: fc.dictionary(labelName, fc.string({ minLength: 1, unit: 'grapheme' })),
      value: fc.double(),
    });
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 20 }), (samples) => {
        const lines = samples.map(({ name, labels, value }) => {
          const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
          const plain = isPlainMetricName(name);
          const inside = [...(plain ? [] : [`"${escaped(name)}"`]), ...pairs].join(',');
          return `${plain ? name : ''}{${inside}} ${formatFloat(value)}`;
        });
        const result = parseExposition(lines.join('\n'));
        expect(result.problems).toEqual([]);
        expect(result.samples.map(({ labels, value }) => ({ ...labels, value }))).toEqual(
          samples.map(({ name, labels, value }) => ({ [NAME]: name, ...labels, value })),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('never crashes on garbage, and every line is a sample, a problem or a comment', () => {
    const piece = fc.constantFrom(
      'a',
      '{',
      '}',
      '"',
      '\\',
      ',',
      '=',
      ' ',
      '\n',
      '#',
      '1',
      'NaN',
      'x{a="b"} 1',
      '\u0000',
      'é',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 60 }), (pieces) => {
        const text = pieces.join('');
        const result = parseExposition(text);
        const lines = text.split('\n').map((line) => line.trim());
        const end = lines.indexOf('# EOF');
        const counted = (end === -1 ? lines : lines.slice(0, end)).filter(
          (line) => line !== '' && !line.startsWith('#'),
        );
        expect(result.samples.length + result.problemCount).toBe(counted.length);
      }),
      { numRuns: 500 },
    );
  });
});
