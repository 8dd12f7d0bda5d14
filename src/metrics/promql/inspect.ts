import { NAME } from '../labels.ts';
import { childrenOf, type Duration, type Expr, type Shift } from './ast.ts';
import { resolveDuration } from './compile-duration.ts';
import { LOOKBACK_MS } from './evaluation.ts';
import { parsePromql } from './parse.ts';

/**
 * How many seconds of samples a query needs to have a full answer: its largest sum of ranges and
 * offsets along one branch; 0 when it looks at the present only. A selector pinned by `@` counts
 * its own range. Throws as `parsePromql`.
 */
export function rangeNeeded(query: string): number {
  return Math.max(0, needed(parsePromql(query))) / 1000;
}

function needed(expr: Expr): number {
  switch (expr.kind) {
    case 'selector':
      return shiftOf(expr);
    case 'range':
      return ms(expr.range) + shiftOf(expr.selector) + (expr.selector.reach === null ? 0 : LOOKBACK_MS);
    case 'subquery':
      return ms(expr.range) + shiftOf(expr) + Math.max(0, needed(expr.expr));
    default:
      return Math.max(0, ...childrenOf(expr).map(needed));
  }
}

function shiftOf(shift: Shift): number {
  return ms(shift.offset);
}

function ms(duration: Duration): number {
  return resolveDuration(duration, 0, 0);
}

/** The metric names that a query's selectors require, each once, in order of appearance. Throws as `parsePromql`. */
export function metricNames(query: string): string[] {
  const names = new Set<string>();
  const visit = (expr: Expr) => {
    if (expr.kind === 'selector') {
      for (const { name, operator, value } of expr.matchers) {
        if (name === NAME && operator === '=') names.add(value);
      }
    }
    childrenOf(expr).forEach(visit);
  };
  visit(parsePromql(query));
  return [...names];
}
