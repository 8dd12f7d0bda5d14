import type { SyntaxNode } from '@lezer/common';
import type { Duration, DurationExpr } from './ast.ts';
import { failed, syntaxError } from './failure.ts';
import { parseNumberLiteral } from './literals.ts';

const BINARY: Record<string, DurationExpr['op']> = {
  Add: '+',
  Sub: '-',
  Mul: '*',
  Div: '/',
  Mod: '%',
  Pow: '^',
};

/** Milliseconds of a `DurationExpr` or `OffsetDurationExpr` node, or an expression when it needs the query. */
export function compileDuration(node: SyntaxNode, text: string): Duration {
  const expr = read(node, text);
  return dependsOnQuery(expr) ? expr : toMs(evaluate(expr, 0, 0));
}

/** Milliseconds of a duration for a query with this step and range. Throws `E_PROMQL_FAILED`. */
export function resolveDuration(duration: Duration, stepMs: number, rangeMs: number): number {
  return typeof duration === 'number' ? duration : toMs(evaluate(duration, stepMs / 1000, rangeMs / 1000));
}

// Prometheus cuts to whole milliseconds.
function toMs(seconds: number): number {
  if (!Number.isFinite(seconds) || Math.abs(seconds) > 9.2e15) throw failed('duration is out of range');
  // Division first loses nothing for literals: they are whole milliseconds.
  return Math.trunc(Number((seconds * 1000).toPrecision(15)));
}

function read(node: SyntaxNode, text: string): DurationExpr {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (child.name !== 'LineComment') children.push(child);
  }
  const first = children[0];
  if (!first) return literal(node, text);
  const operator = children[1] && BINARY[children[1].name];
  const inner = (child: SyntaxNode) => read(child, text);
  if (operator) return { op: operator, value: 0, args: [inner(first), inner(children[2]!)] };
  switch (first.name) {
    case 'UnaryOp': {
      const sign = text.slice(first.from, first.to) === '-' ? -1 : 1;
      return { op: '*', value: 0, args: [number(sign), inner(children[1]!)] };
    }
    case 'DurationStep':
      return { op: 'step', value: 0, args: [] };
    case 'DurationRange':
      return { op: 'range', value: 0, args: [] };
    case 'DurationMinOf':
      return { op: 'min', value: 0, args: children.slice(1).map(inner) };
    case 'DurationMaxOf':
      return { op: 'max', value: 0, args: children.slice(1).map(inner) };
    case 'NumberDurationLiteralInDurationContext':
      return literal(first, text);
    default:
      return inner(first);
  }
}

function literal(node: SyntaxNode, text: string): DurationExpr {
  const value = parseNumberLiteral(text.slice(node.from, node.to));
  if (value === undefined || !Number.isFinite(value))
    throw syntaxError(text, node.from, 'bad number or duration');
  return number(value);
}

function number(value: number): DurationExpr {
  return { op: 'number', value, args: [] };
}

function dependsOnQuery(expr: DurationExpr): boolean {
  return expr.op === 'step' || expr.op === 'range' || expr.args.some(dependsOnQuery);
}

/** Seconds. */
function evaluate(expr: DurationExpr, step: number, range: number): number {
  const [left = 0, right = 0] = expr.args.map((argument) => evaluate(argument, step, range));
  switch (expr.op) {
    case 'number':
      return expr.value;
    case 'step':
      return step;
    case 'range':
      return range;
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      if (right === 0) throw failed('division by zero in a duration');
      return left / right;
    case '%':
      if (right === 0) throw failed('modulo by zero in a duration');
      return left % right;
    case '^':
      return left ** right;
    case 'min':
      return Math.min(left, right);
    case 'max':
      return Math.max(left, right);
  }
}
