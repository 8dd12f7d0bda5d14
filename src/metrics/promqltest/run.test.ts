import { describe, expect, it } from 'vitest';
import { runTestFile } from './run.ts';
import { parseSequence } from './series-line.ts';

const LOAD = `load 1m
  x{a="1"} 1 2+3x2 _ stale
  y 1e1x3

`;

function run(text: string) {
  return runTestFile(LOAD + text, 'own.test');
}

describe('the notation of PromQL tests', () => {
  it('expands sequences', () => {
    expect(parseSequence('1 2+3x2 _ _x2 stale -1.5-.5x1 5x2 NaN -Inf {{sum:1}}x1')).toEqual([
      1,
      2,
      5,
      8,
      'omitted',
      'omitted',
      'omitted',
      'stale',
      -1.5,
      -2,
      5,
      5,
      5,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      'histogram',
      'histogram',
    ]);
  });

  it.each([
    ['instant', 'eval instant at 3m x\n  x{a="1"} 8\n'],
    ['stale', 'eval instant at 5m x\n'],
    ['range', 'eval range from 0 to 3m step 1m x * 2\n  {a="1"} 2 4 10 16\n'],
    ['gaps', 'eval range from 0 to 2m step 1m x > 3\n  x{a="1"} _ _ 5\n'],
    ['scalar', 'eval instant at 0 1 + 1\n  2\n'],
    ['string', 'eval instant at 0 "a"\n  expect string `a`\n'],
    [
      'range vector',
      'eval instant at 2m x[2m]\n  expect range vector from 1m to 2m step 1m\n  x{a="1"} 2 5\n',
    ],
    ['ordered', 'eval_ordered instant at 1m sort(x or y)\n  x{a="1"} 2\n  y 10\n'],
    ['fail', 'eval_fail instant at 0 topk(NaN, x)\n  expected_fail_message Parameter value is NaN\n'],
    ['fail regex', 'eval instant at 0 topk(NaN, x)\n  expect fail regex:value is (NaN|0)\n'],
    [
      'warn',
      'eval instant at 0 quantile(2, x)\n  expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)\n  {} +Inf\n',
    ],
    ['info', 'eval instant at 3m rate(x[2m])\n  expect info\n  expect no_warn\n  {a="1"} 0.05\n'],
  ])('%s cases agree', (_name, text) => {
    expect(run(text)).toEqual({ file: 'own.test', cases: 1, agreed: 1, unsupported: 0, disagreed: [] });
  });

  it.each([
    ['a wrong value', 'eval instant at 3m x\n  x{a="1"} 9\n', 'x{a="1"} 8'],
    ['a missing series', 'eval instant at 3m x\n', 'x{a="1"} 8'],
    ['a series too many', 'eval instant at 3m x\n  x{a="1"} 8\n  x{a="2"} 8\n', 'x{a="1"} 8'],
    ['a wrong label', 'eval instant at 3m x\n  x{a="2"} 8\n', 'x{a="1"} 8'],
    ['a wrong order', 'eval_ordered instant at 1m sort(x or y)\n  y 10\n  x{a="1"} 2\n', 'x{a="1"} 2; y 10'],
    ['a failure that does not come', 'eval_fail instant at 3m x\n', 'x{a="1"} 8'],
    [
      'a wrong message',
      'eval instant at 0 topk(NaN, x)\n  expect fail msg:no\n',
      'E_PROMQL_FAILED: Parameter value is NaN',
    ],
    ['an unexpected failure', 'eval instant at 0 topk(NaN, x)\n', 'E_PROMQL_FAILED: Parameter value is NaN'],
    [
      'a remark that the test does not name',
      'eval instant at 3m rate(x[2m]) + ignoring(b) rate(y[3m])\n  expect info regex: "x"\n  expect no_warn\n',
      'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "y" (1:32)',
    ],
    ['a point too many', 'eval range from 0 to 1m step 1m x\n  x{a="1"} 1\n', 'x{a="1"} 1@0 2@60'],
  ])('%s is a disagreement, with what we got', (_name, text, got) => {
    const report = run(text);
    expect(report).toMatchObject({ cases: 1, agreed: 0, unsupported: 0 });
    expect(report.disagreed).toMatchObject([{ line: 5, got }]);
  });

  it.each([
    ['a native histogram in the data', 'load 1m\n  h {{sum:1 count:1}}\n\neval instant at 0 h\n  h 1\n'],
    ['a native histogram as the result', 'eval instant at 0 x\n  x{a="1"} {{sum:1}}\n'],
    [
      'the native twin of a classic one',
      'load_with_nhcb 1m\n  h_bucket{le="+Inf"} 1\n\neval instant at 0 h\n  h 1\n',
    ],
    ['a function that is not supported', 'eval instant at 0 limit_ratio(0.5, x)\n'],
    ['a function that nobody knows', 'eval instant at 0 future_function(x)\n'],
    ['an annotation that is never given', 'eval instant at 0 x\n  expect warn\n  x{a="1"} 1\n'],
    [
      'start time stamps of a series with spaces in its labels',
      'load 1m\n  c_total{a="b c", d="e"}@st 0s 0s\n  c_total{a="b c", d="e"} 1 2\n\neval instant at 1m irate(c_total[2m])\n  {} 1\n',
    ],
    [
      'start time stamps',
      'load 1m\n  c_total@st 0s 0s\n  c_total 1 2\n\neval instant at 1m rate(c_total[2m])\n  {} 1\n',
    ],
  ])('%s is unsupported, not a disagreement', (_name, text) => {
    expect(run(text)).toMatchObject({ cases: 1, agreed: 0, unsupported: 1, disagreed: [] });
  });

  it.each([
    ['what is this', 5],
    ['load soon', 5],
    ['load 1m\n  x{a="1" 1', 6],
    ['load 1m\n  x 1 two', 6],
    ['eval instant at noon x', 5],
    ['eval instant at 0 x\n  expect nothing', 6],
    ['eval range from 5m to 1m step 1m x', 5],
    ['eval instant at 0 x\n  expect fail regex:(', 6],
  ])('%j is not of the form, at line %i', (text, line) => {
    expect(() => run(text)).toThrow(
      expect.objectContaining({
        code: 'E_PROMQL_TEST',
        details: expect.objectContaining({ file: 'own.test', line }) as object,
      }),
    );
  });

  it('clears, and keeps what several loads add', () => {
    const text = `load 1m\n  z 1\n\neval instant at 0 x + on() z\n  {} 2\n\nclear\neval instant at 0 x\n\n`;
    expect(run(text)).toMatchObject({ cases: 2, agreed: 2 });
  });
});
