import { AllclearError } from '../kernel/index.ts';
import { NAME } from './labels.ts';
import type { Labels } from './model.ts';
import { compileRegex } from './regex.ts';

export type MatchOperator = '=' | '!=' | '=~' | '!~';

/** One label matcher of a selector; an absent label counts as the empty string. */
export interface Matcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
  readonly test: (value: string) => boolean;
}

/** Builds a matcher. Throws `E_PROMQL_SYNTAX` when the regular expression is not one. */
export function makeMatcher(name: string, operator: MatchOperator, value: string): Matcher {
  return { name, operator, value, test: makeTest(operator, value) };
}

function makeTest(operator: MatchOperator, value: string): (value: string) => boolean {
  switch (operator) {
    case '=':
      return (other) => other === value;
    case '!=':
      return (other) => other !== value;
    case '=~': {
      const pattern = compile(value);
      return (other) => pattern.test(other);
    }
    case '!~': {
      const pattern = compile(value);
      return (other) => !pattern.test(other);
    }
  }
}

function compile(source: string): RegExp {
  const pattern = compileRegex(source);
  if (pattern instanceof RegExp) return pattern;
  throw new AllclearError('E_PROMQL_SYNTAX', {
    what: `the regular expression ${JSON.stringify(source)} cannot be used: ${pattern.problem}`,
    next: 'PromQL uses RE2 syntax: no look-around and no back-references.',
  });
}

/** True when every matcher accepts the label set. */
export function matches(labels: Labels, matchers: readonly Matcher[]): boolean {
  return matchers.every((matcher) => matcher.test(labels[matcher.name] ?? ''));
}

/** The metric's name when the matchers require exactly one. */
export function requiredName(matchers: readonly Matcher[]): string | undefined {
  return matchers.find((matcher) => matcher.name === NAME && matcher.operator === '=')?.value;
}
