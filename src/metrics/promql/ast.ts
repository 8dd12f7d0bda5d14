import type { Matcher } from '../matchers.ts';

/**
 * PromQL as a small typed tree. Durations are milliseconds where they are known, or an expression
 * that depends on the query's step and range. `from` and `to` are offsets in the query's text.
 */
export type Expr =
  | NumberLiteral
  | StringLiteral
  | Selector
  | RangeSelector
  | Subquery
  | Call
  | Aggregate
  | Binary
  | Negation;

export type ValueType = 'scalar' | 'string' | 'vector' | 'matrix';

interface Placed {
  readonly from: number;
  readonly to: number;
}

interface NumberLiteral extends Placed {
  readonly kind: 'number';
  readonly value: number;
}

interface StringLiteral extends Placed {
  readonly kind: 'string';
  readonly value: string;
}

/** When a selector or subquery looks: `offset` is subtracted from `at`, or from the evaluation time. */
export interface Shift {
  /** Milliseconds, or an expression of them; 0 without `offset`. */
  offset: Duration;
  /** Epoch ms of `@`, `start` or `end` of the query, or null. */
  at: number | 'start' | 'end' | null;
}

/** How a selector reaches for points beside its time or range: the modifiers of the same names. */
export type Reach = 'anchored' | 'smoothed';

export interface Selector extends Placed, Shift {
  readonly kind: 'selector';
  readonly matchers: readonly Matcher[];
  /** Null where it takes the points as they are. */
  reach: Reach | null;
}

export interface RangeSelector extends Placed {
  readonly kind: 'range';
  readonly selector: Selector;
  readonly range: Duration;
}

export interface Subquery extends Placed, Shift {
  readonly kind: 'subquery';
  readonly expr: Expr;
  readonly range: Duration;
  /** Null means the default step. */
  readonly step: Duration | null;
}

export interface Call extends Placed {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Expr[];
}

export interface Aggregate extends Placed {
  readonly kind: 'aggregate';
  readonly op: string;
  readonly expr: Expr;
  readonly param: Expr | null;
  readonly without: boolean;
  readonly grouping: readonly string[];
}

export type Operator =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '^'
  | 'atan2'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'and'
  | 'or'
  | 'unless';

export interface Binary extends Placed {
  readonly kind: 'binary';
  readonly op: Operator;
  readonly left: Expr;
  readonly right: Expr;
  readonly bool: boolean;
  readonly matching: Matching;
}

/** How the series of both sides find each other. */
export interface Matching {
  readonly card: 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many';
  /** True for `on`, false for `ignoring` and for no modifier. */
  readonly on: boolean;
  readonly labels: readonly string[];
  /** Labels of `group_left` / `group_right`. */
  readonly include: readonly string[];
  /** `fill` values for a missing left or right side. */
  readonly fillLeft: number | null;
  readonly fillRight: number | null;
}

interface Negation extends Placed {
  readonly kind: 'negation';
  readonly expr: Expr;
}

/** Milliseconds, or arithmetic over them that needs the query's step and range. */
export type Duration = number | DurationExpr;

export interface DurationExpr {
  readonly op: '+' | '-' | '*' | '/' | '%' | '^' | 'min' | 'max' | 'step' | 'range' | 'number';
  readonly value: number;
  readonly args: readonly DurationExpr[];
}

const SCALAR_FUNCTIONS = new Set([
  'end',
  'max_of',
  'min_of',
  'pi',
  'range',
  'scalar',
  'start',
  'step',
  'time',
]);

/** What an expression evaluates to. */
export function typeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'selector':
    case 'aggregate':
      return 'vector';
    case 'range':
    case 'subquery':
      return 'matrix';
    case 'call':
      return SCALAR_FUNCTIONS.has(expr.name) ? 'scalar' : 'vector';
    case 'binary':
      return typeOf(expr.left) === 'scalar' && typeOf(expr.right) === 'scalar' ? 'scalar' : 'vector';
    case 'negation':
      return typeOf(expr.expr);
  }
}

/** The direct sub-expressions. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'selector':
      return [];
    case 'range':
      return [expr.selector];
    case 'subquery':
    case 'negation':
      return [expr.expr];
    case 'call':
      return expr.args;
    case 'aggregate':
      return expr.param ? [expr.param, expr.expr] : [expr.expr];
    case 'binary':
      return [expr.left, expr.right];
  }
}
