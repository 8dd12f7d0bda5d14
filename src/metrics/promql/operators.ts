import type { Operator } from './ast.ts';

const COMPARISONS: ReadonlySet<Operator> = new Set<Operator>(['==', '!=', '<', '<=', '>', '>=']);

/** True for operators that choose elements rather than compute new values. */
export function isComparison(op: Operator): boolean {
  return COMPARISONS.has(op);
}

/** The number that `left op right` gives; comparisons give 1 or 0. */
export function compute(op: Operator, left: number, right: number): number {
  switch (op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '%':
      return left % right;
    case '^':
      return power(left, right);
    case 'atan2':
      return Math.atan2(left, right);
    case '==':
      return Number(left === right);
    case '!=':
      return Number(left !== right);
    case '<':
      return Number(left < right);
    case '<=':
      return Number(left <= right);
    case '>':
      return Number(left > right);
    case '>=':
      return Number(left >= right);
    case 'and':
    case 'or':
    case 'unless':
      return Number.NaN;
  }
}

// IEEE 754 pow, which Go follows: 1 to any power is 1, and so is -1 to an infinite power.
function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && Math.abs(exponent) === Number.POSITIVE_INFINITY) return 1;
  return base ** exponent;
}
