import {
  type Binary,
  type Call,
  childrenOf,
  type Expr,
  type RangeSelector,
  type Reach,
  typeOf,
  type ValueType,
} from './ast.ts';
import { failed, syntaxError } from './failure.ts';
import { signatures } from './signatures.ts';

const SHOWN: Record<ValueType, string> = {
  scalar: 'scalar',
  string: 'string',
  vector: 'instant vector',
  matrix: 'range vector',
};

/** Operators and calls inside one another; evaluation recurses this deep. */
const MAX_DEPTH = 1500;

const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>=']);

/** Checks what the grammar leaves open: argument types and counts, operands, modifiers. Throws `E_PROMQL_SYNTAX`, or `E_PROMQL_FAILED` as Prometheus finds it only then. */
export function checkTypes(expr: Expr, text: string, depth = 0): void {
  if (depth > MAX_DEPTH) throw syntaxError(text, expr.from, 'the query is nested too deeply');
  switch (expr.kind) {
    case 'call':
      checkCall(expr, text);
      break;
    case 'aggregate':
      expect(expr.expr, 'vector', 'aggregation expression', text);
      if (expr.param) {
        expect(expr.param, expr.op === 'count_values' ? 'string' : 'scalar', 'aggregation parameter', text);
      }
      break;
    case 'binary':
      checkBinary(expr, text);
      break;
    case 'negation': {
      const type = typeOf(expr.expr);
      if (type !== 'scalar' && type !== 'vector') {
        throw syntaxError(
          text,
          expr.from,
          `unary expression only allowed on expressions of type scalar or instant vector, got "${SHOWN[type]}"`,
        );
      }
      break;
    }
    case 'subquery':
      if (typeOf(expr.expr) !== 'vector') {
        throw syntaxError(
          text,
          expr.from,
          `subquery is only allowed on instant vector, got ${SHOWN[typeOf(expr.expr)]} instead`,
        );
      }
      break;
    default:
      break;
  }
  for (const child of childrenOf(expr)) checkTypes(child, text, depth + 1);
}

function expect(expr: Expr, wanted: ValueType, where: string, text: string): void {
  const type = typeOf(expr);
  if (type === wanted) return;
  throw syntaxError(text, expr.from, `expected type ${SHOWN[wanted]} in ${where}, got ${SHOWN[type]}`);
}

function checkCall(call: Call, text: string): void {
  const signature = signatures.get(call.name);
  if (!signature) throw syntaxError(text, call.from, `unknown function ${call.name}`);
  const { args, min, max } = signature;
  const count = call.args.length;
  if (count < min || count > max) {
    const wanted =
      min === max ? `${min}` : max === Number.POSITIVE_INFINITY ? `at least ${min}` : `${min} to ${max}`;
    throw syntaxError(
      text,
      call.from,
      `expected ${wanted} argument(s) in call to "${call.name}", got ${count}`,
    );
  }
  call.args.forEach((argument, index) => {
    expect(argument, args[Math.min(index, args.length - 1)]!, `call to function "${call.name}"`, text);
    if (argument.kind === 'range') checkReach(call, argument);
  });
}

const REACHING: Record<Reach, readonly string[]> = {
  anchored: ['changes', 'delta', 'increase', 'rate', 'resets'],
  smoothed: ['delta', 'increase', 'rate'],
};

function checkReach(call: Call, { selector: { reach } }: RangeSelector): void {
  if (reach === null || REACHING[reach].includes(call.name)) return;
  const allowed = REACHING[reach].join(', ');
  throw failed(`${reach} modifier can only be used with: ${allowed} - not with ${call.name}`);
}

function checkBinary(expr: Binary, text: string): void {
  const left = typeOf(expr.left);
  const right = typeOf(expr.right);
  const isComparison = COMPARISONS.has(expr.op);
  const isSet = expr.op === 'and' || expr.op === 'or' || expr.op === 'unless';
  const fail = (what: string) => syntaxError(text, expr.from, what);
  for (const type of [left, right]) {
    if (type !== 'scalar' && type !== 'vector') {
      throw fail('binary expression must contain only scalar and instant vector types');
    }
  }
  if (expr.bool && !isComparison) throw fail('bool modifier can only be used on comparison operators');
  if (isComparison && !expr.bool && left === 'scalar' && right === 'scalar') {
    throw fail('comparisons between scalars must use BOOL modifier');
  }
  if (left === 'vector' && right === 'vector') return;
  if (isSet) throw fail(`set operator "${expr.op}" not allowed in binary scalar expression`);
  const { matching } = expr;
  if (matching.fillLeft !== null || matching.fillRight !== null) {
    throw fail('filling in missing series only allowed between instant vectors');
  }
  if (matching.labels.length > 0 || matching.on || matching.card !== 'one-to-one') {
    throw fail('vector matching only allowed between instant vectors');
  }
}
