import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllclearError } from '../kernel/index.ts';
import { SHELL_NAMES } from './bindings.ts';
import { compile } from './cel.ts';

const bindings = {
  value: 5,
  exit: 0,
  lines: 2,
  stdout: 'all good\n',
  series: [
    { name: 'a', labels: { outcome: 'ok' }, value: 1 },
    { name: 'a', labels: { outcome: 'failed' }, value: 2.5 },
  ],
  json: { items: [{ n: 3 }], ready: true },
};

function outcome(source: string): unknown {
  const result = compile(source, SHELL_NAMES).evaluate(bindings);
  return result.kind === 'bool' ? result.value : result.kind;
}

describe('a condition', () => {
  it.each([
    ['value < 100', true],
    ['value < 0.2', false],
    ['value == 5', true],
    ['5 == value', true],
    ['value * 2 > 9', true],
    ['1 - value < 0', true],
    ['value / 2 == 2.5', true],
    ['exit == 0 && lines >= 2', true],
    ['value in [1, 5]', true],
    ['series.all(s, s.value < 10)', true],
    ['series.exists(s, s.labels.outcome == "failed" && s.value > 2)', true],
    ['size(series) == 2', true],
    ['json.items[0].n == 3', true],
    ['json.ready', true],
    ['stdout.contains("good")', true],
    ['stdout.matches("^all")', true],
  ])('%s is %s', (source, expected) => {
    expect(outcome(source)).toBe(expected);
  });

  it('that needs a name without data says which', () => {
    expect(compile('rate < 100', SHELL_NAMES).evaluate(bindings)).toEqual({ kind: 'missing', name: 'rate' });
    expect(compile('value < 1', SHELL_NAMES).evaluate({ value: Number.NaN })).toEqual({
      kind: 'missing',
      name: 'value',
    });
    expect(outcome('json.nothing == 1')).toBe('missing');
  });

  it('is decided without the missing name where it can be', () => {
    expect(outcome('rate < 100 || exit == 0')).toBe(true);
    expect(outcome('rate < 100 && exit == 1')).toBe(false);
  });

  it('names what it uses, in order', () => {
    expect(compile('rate < 1 || series.all(value, value.x > exit)', SHELL_NAMES).names).toEqual([
      'rate',
      'series',
      'value',
      'exit',
    ]);
  });

  it('that cannot be true or false is an error', () => {
    expect(outcome('json.items')).toBe('error');
    expect(outcome('json < 3')).toBe('error');
  });
});

describe('a condition that is not valid', () => {
  it.each([
    ['latency < 3', /uses "latency", which is not bound here; the names are exit, stdout, lines, value/],
    ['value <', /does not parse: unexpected EOF/],
    ['size(series)', /gives int, not true or false/],
    ['max(value)', /is not valid/],
    [`value < 1${' || value < 1'.repeat(1000)}`, /longer than/],
    [`${'('.repeat(500)}value${')'.repeat(500)} < 1`, /does not parse/],
  ])('%s', (source, message) => {
    const act = () => compile(source, SHELL_NAMES);
    expect(act).toThrow(AllclearError);
    expect(act).toThrow(message);
  });
});

describe('a hostile condition', () => {
  it.each([
    ['a regular expression that backtracks', 'stdout.matches("(a+)+$")', { stdout: `${'a'.repeat(50)}b` }],
    [
      'loops within loops',
      'series.all(a, series.all(b, series.all(c, a <= c || b <= c)))',
      { series: Array.from({ length: 3000 }, () => 1) },
    ],
  ])('is stopped: %s', (_what, source, values) => {
    const started = performance.now();
    expect(compile(source, SHELL_NAMES).evaluate(values)).toMatchObject({
      kind: 'error',
      message: /takes longer/,
    });
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('of any text either compiles or is a coded error', () => {
    assert(
      property(string(), (source) => {
        try {
          compile(source, SHELL_NAMES).evaluate(bindings);
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_CONDITION' });
        }
      }),
    );
  });
});
