import { createRequire } from 'node:module';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllclearError } from '../../kernel/index.ts';
import { SampleWindow } from '../window.ts';
import type { Duration, Expr, Shift } from './ast.ts';
import { evaluateInstant } from './evaluate.ts';
import { parsePromql } from './parse.ts';
import { signatures, unsupportedFunctions } from './signatures.ts';

function shift({ offset, at }: Shift): string {
  return `${offset === 0 ? '' : ` offset ${show(offset)}`}${at === null ? '' : ` @ ${at}`}`;
}

function show(duration: Duration | null): string {
  return typeof duration === 'number' ? String(duration) : JSON.stringify(duration);
}

/** The tree as text with all parentheses, to see what binds to what. */
function shape(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return String(expr.value);
    case 'string':
      return JSON.stringify(expr.value);
    case 'selector':
      return `${expr.matchers.map(({ value }) => value).join(',')}${shift(expr)}`;
    case 'range':
      return `${shape(expr.selector)}[${show(expr.range)}]`;
    case 'subquery':
      return `${shape(expr.expr)}[${show(expr.range)}:${show(expr.step)}]${shift(expr)}`;
    case 'call':
      return `${expr.name}(${expr.args.map(shape).join(', ')})`;
    case 'aggregate':
      return `${expr.op}(${expr.param ? `${shape(expr.param)}, ` : ''}${shape(expr.expr)})`;
    case 'binary':
      return `(${shape(expr.left)} ${expr.op} ${shape(expr.right)})`;
    case 'negation':
      return `-(${shape(expr.expr)})`;
  }
}

function refusal(query: string): AllclearError {
  try {
    parsePromql(query);
  } catch (error) {
    if (error instanceof AllclearError) return error;
    throw error;
  }
  throw new Error(`${query} was accepted`);
}

function numberOf(text: string): number {
  return (parsePromql(text) as { value: number }).value;
}

describe('parsing PromQL', () => {
  it.each([
    ['a + b * c', '(a + (b * c))'],
    ['a ^ b ^ c', '(a ^ (b ^ c))'],
    ['a - b - c', '((a - b) - c)'],
    ['-a ^ 2', '-((a ^ 2))'],
    ['-1 ^ 2', '-((1 ^ 2))'],
    ['2 ^ -1 * 3', '((2 ^ -(1)) * 3)'],
    ['-a * b', '(-(a) * b)'],
    ['a or b and c', '(a or (b and c))'],
    ['a == b + c', '(a == (b + c))'],
    ['a atan2 b + c', '((a atan2 b) + c)'],
    ['(a + b) * c', '((a + b) * c)'],
    ['min_of(1, max_of(2, 3)) + 1', '(min_of(1, max_of(2, 3)) + 1)'],
  ])('%s is %s', (query, expected) => expect(shape(parsePromql(query))).toBe(expected));

  // The published grammar attaches these to all on their left.
  it.each([
    ['a or b offset 5m', '(a or b offset 300000)'],
    ['a + b offset 5m * c', '(a + (b offset 300000 * c))'],
    ['-a offset 1m', '-(a offset 60000)'],
    ['a + b @ 10 offset -1s', '(a + b offset -1000 @ 10000)'],
    ['rate(a[1m]) / rate(b[1m] offset 1m)', '(rate(a[60000]) / rate(b offset 60000[60000]))'],
    ['a @ start() - a @ end()', '(a @ start - a @ end)'],
    ['max_over_time(a[5m:30s] offset 1h)', 'max_over_time(a[300000:30000] offset 3600000)'],
    ['a[1h30m]', 'a[5400000]'],
    ['a[300]', 'a[300000]'],
    ['a[2m * 3 - 1m]', 'a[300000]'],
  ])('%s is %s', (query, expected) => expect(shape(parsePromql(query))).toBe(expected));

  it('reads literals as Go does', () => {
    expect(['2.', '.5', '0x1F', '1_000', '5m', '1e3', 'Inf'].map(numberOf)).toEqual([
      2,
      0.5,
      31,
      1000,
      300,
      1000,
      Number.POSITIVE_INFINITY,
    ]);
    expect(parsePromql(String.raw`"a\n\x41é\"2."`)).toMatchObject({ value: 'a\nAé"2.' });
    expect(parsePromql('`a\\n`')).toMatchObject({ value: 'a\\n' });
    expect(parsePromql("'it\\'s'")).toMatchObject({ value: "it's" });
  });

  it.each([
    ['', 'the query is empty (at 1:1)'],
    ['sum(', 'the query ends too early (at 1:5)'],
    ['up{', 'the query ends too early (at 1:4)'],
    ['up)', 'unexpected ")" (at 1:3)'],
    ['up{a="b}', 'the query ends too early (at 1:9)'],
    ['"b', 'the string is not well formed (at 1:1)'],
    ['foo(x)', 'unknown function foo (at 1:4)'],
    ['1 +\n  foo(x)', 'unknown function foo (at 2:6)'],
    ['{}', 'vector selector must contain at least one non-empty matcher (at 1:1)'],
    ['{a=~".*"}', 'vector selector must contain at least one non-empty matcher (at 1:1)'],
    ['up{__name__="x"}', 'metric name must not be set twice (at 1:4)'],
    ['rate(up)', 'expected type range vector in call to function "rate", got instant vector (at 1:6)'],
    ['abs(up, 1)', 'expected 1 argument(s) in call to "abs", got 2 (at 1:1)'],
    ['up[5m] + 1', 'binary expression must contain only scalar and instant vector types (at 1:1)'],
    ['a + b[5m]', 'binary expression must contain only scalar and instant vector types (at 1:1)'],
    ['(up)[5m]', 'ranges are only allowed for vector selectors (at 1:1)'],
    ['up offset 5m[1m]', 'no offset or @ modifier is allowed before the range (at 1:1)'],
    ['sum(up) offset 5m', /offset modifier must be preceded/],
    ['(a + b) offset 5m', /offset modifier must be preceded/],
    ['up offset 1m offset 2m', 'offset may not be set multiple times (at 1:1)'],
    ['up[0s]', 'duration must be greater than 0 (at 1:4)'],
    ['1 == 2', 'comparisons between scalars must use BOOL modifier (at 1:1)'],
    ['a + bool b', 'bool modifier can only be used on comparison operators (at 1:1)'],
    ['1 and up', 'set operator "and" not allowed in binary scalar expression (at 1:1)'],
    ['up + on(a) 1', 'vector matching only allowed between instant vectors (at 1:1)'],
    ['a and on(x) group_left b', 'no grouping allowed for set operations (at 1:13)'],
    ['a * on(x) group_left(x) b', 'label "x" must not occur in ON and GROUP clause at once (at 1:11)'],
    ['topk(up)', 'wrong number of arguments for aggregate expression provided, expected 2, got 1 (at 1:1)'],
    ['-"a"', /unary expression only allowed/],
    ['up{a=~"("}', /the regular expression "\(" cannot be used/],
    ['up{a=~"(?=x)"}', /RE2 has no look-around/],
  ])('refuses %j with its place', (query, message) => {
    const error = refusal(query);
    expect(error.code).toBe('E_PROMQL_SYNTAX');
    if (typeof message === 'string') expect(error.details.what).toBe(message);
    else expect(error.details.what).toMatch(message);
  });

  it('refuses queries that are too long or nested too deeply, instead of crashing', () => {
    for (const query of [
      '('.repeat(5000) + 'a' + ')'.repeat(5000),
      `${'-'.repeat(50_000)}a`,
      `a${'+a'.repeat(40_000)}`,
    ]) {
      expect(refusal(query).code).toBe('E_PROMQL_SYNTAX');
    }
    expect(refusal('a'.repeat(200_000)).details.what).toMatch(/longer than/);
  });

  it('either parses or refuses with a code, whatever the text', () => {
    const piece = fc.constantFrom(
      'sum',
      'rate',
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '5m',
      ':',
      'by',
      'offset',
      '@',
      '-',
      '^',
      '"a"',
      'up',
      ' ',
      '=~',
      ',',
      '1',
      'and',
      'bool',
      '\n',
      '#',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 15 }), (pieces) => {
        try {
          parsePromql(pieces.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(AllclearError);
          expect((error as AllclearError).code).toMatch(/^E_PROMQL_(?:SYNTAX|UNSUPPORTED|FAILED)$/);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('what is not supported', () => {
  const require = createRequire(import.meta.url);
  const { parser } = require('@prometheus-io/lezer-promql') as {
    parser: { nodeSet: { types: readonly { name: string }[] }; parse(text: string): { toString(): string } };
  };

  /** Names of all functions and aggregations of the grammar, found by asking it. */
  function grammarNames(kind: 'FunctionIdentifier' | 'AggregateOp'): string[] {
    const words = parser.nodeSet.types.map(({ name }) =>
      name
        .replace(/Fn$/, '')
        .replace(/StdDev|StdVar/, (word) => `_${word.toLowerCase()}`)
        .replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '_')
        .toLowerCase(),
    );
    const names = new Set([...words, ...words.map((word) => word.replace('std_', 'std')), 'limitk']);
    return [...names].filter((name) => parser.parse(`${name}(x)`).toString().includes(`${kind}(`)).toSorted();
  }

  const functions = grammarNames('FunctionIdentifier');
  const aggregations = grammarNames('AggregateOp');

  it('knows what every function of the grammar takes', () => {
    expect(functions.length).toBeGreaterThan(80);
    expect([...functions, 'max_of', 'min_of'].toSorted()).toEqual([...signatures.keys()].toSorted());
  });

  it('is exactly this list', () => {
    const refused = [...functions, ...aggregations].filter((name) => {
      const signature = signatures.get(name);
      const examples = { vector: 'x', matrix: 'x[5m]', scalar: '0.5', string: '"l"' } as const;
      const wanted = /^(?:topk|bottomk|quantile|limitk|limit_ratio)$/.test(name) ? ['0.5', 'x'] : ['x'];
      const args = signature
        ? signature.args.slice(0, Math.max(signature.min, 1)).map((type) => examples[type])
        : name === 'count_values'
          ? ['"l"', 'x']
          : wanted;
      try {
        evaluateInstant(`${name}(${args.join(', ')})`, new SampleWindow(), 0);
        return false;
      } catch (error) {
        return error instanceof AllclearError && error.code === 'E_PROMQL_UNSUPPORTED';
      }
    });
    expect(refused.toSorted()).toEqual([
      'histogram_avg',
      'histogram_count',
      'histogram_stddev',
      'histogram_stdvar',
      'histogram_sum',
      'limit_ratio',
      'start_timestamp',
    ]);
    expect(refused.toSorted()).toEqual([...unsupportedFunctions.keys()].toSorted());
  });

  it.each([
    ['a </ b', /operator <\//],
    ['integral(x[5m])', /integral/],
  ])('%s is refused by name', (query, message) => {
    const error = refusal(query);
    expect(error.code).toBe('E_PROMQL_UNSUPPORTED');
    expect(error.details.what).toMatch(message);
  });
});
