import type { SyntaxNode } from '@lezer/common';
import type { Matcher } from '../matchers.ts';
import type { Aggregate, Binary, Duration, Expr, Matching, Operator, Selector, Shift } from './ast.ts';
import { type ChainOperand, climb, flattenChain } from './chain.ts';
import { compileDuration } from './compile-duration.ts';
import { compileMatchers, readMatchers } from './compile-matchers.ts';
import { syntaxError, unsupported } from './failure.ts';
import { parseNumberLiteral, unquoteString } from './literals.ts';
import { unsupportedFunctions } from './signatures.ts';

const MAX_DEPTH = 400;

const OPERATORS: Record<string, Operator> = {
  Pow: '^',
  Mul: '*',
  Div: '/',
  Mod: '%',
  Atan2: 'atan2',
  Add: '+',
  Sub: '-',
  Eql: '==',
  Gte: '>=',
  Gtr: '>',
  Lte: '<=',
  Lss: '<',
  Neq: '!=',
  And: 'and',
  Or: 'or',
  Unless: 'unless',
};

const ONE_TO_ONE: Matching = {
  card: 'one-to-one',
  on: false,
  labels: [],
  include: [],
  fillLeft: null,
  fillRight: null,
};

/** Turns the grammar's tree into `Expr`. One per query. */
export class Compiler {
  readonly #text: string;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  compile(node: SyntaxNode): Expr {
    if (++this.#depth > MAX_DEPTH) throw syntaxError(this.#text, node.from, 'the query is nested too deeply');
    try {
      return this.#compile(node);
    } finally {
      this.#depth--;
    }
  }

  #compile(node: SyntaxNode): Expr {
    const place = { from: node.from, to: node.to };
    switch (node.name) {
      case 'StringLiteral':
        return { kind: 'string', value: this.#string(node), ...place };
      case 'ParenExpr':
        return this.compile(this.#only(node));
      case 'VectorSelector':
        return this.#selector(node, compileMatchers(node, this.#text));
      case 'NumberDurationLiteral':
      case 'MatrixSelector':
      case 'SubqueryExpr':
      case 'OffsetExpr':
      case 'StepInvariantExpr':
      case 'AnchoredExpr':
      case 'SmoothedExpr':
      case 'UnaryExpr':
      case 'BinaryExpr':
        return this.#chain(node);
      case 'AggregateExpr':
        return this.#aggregate(node);
      case 'FunctionCall':
        return this.#call(node);
      default:
        throw syntaxError(this.#text, node.from, `unexpected ${JSON.stringify(this.#slice(node))}`);
    }
  }

  #slice(node: SyntaxNode): string {
    return this.#text.slice(node.from, node.to);
  }

  #children(node: SyntaxNode): SyntaxNode[] {
    const children: SyntaxNode[] = [];
    for (let child = node.firstChild; child; child = child.nextSibling) {
      if (child.name !== 'LineComment') children.push(child);
    }
    return children;
  }

  #only(node: SyntaxNode): SyntaxNode {
    return this.#children(node)[0]!;
  }

  #number(node: SyntaxNode): number {
    const value = parseNumberLiteral(this.#slice(node));
    if (value === undefined) throw syntaxError(this.#text, node.from, `bad number ${this.#slice(node)}`);
    return value;
  }

  #string(node: SyntaxNode): string {
    const value = unquoteString(this.#slice(node));
    if (value === undefined) throw syntaxError(this.#text, node.from, 'the string is not well formed');
    return value;
  }

  #selector(node: SyntaxNode, matchers: readonly Matcher[]): Selector {
    return { kind: 'selector', matchers, reach: null, offset: 0, at: null, from: node.from, to: node.to };
  }

  /** The labels that `info` takes: matchers without a metric's name, which may all accept nothing. */
  #labelSelector(node: SyntaxNode): Selector {
    if (node.name !== 'VectorSelector' || node.getChild('Identifier')) {
      throw syntaxError(this.#text, node.from, 'expected label selectors only');
    }
    return this.#selector(node, readMatchers(node, this.#text));
  }

  #range(node: SyntaxNode, selector: Expr, bare: boolean): Expr {
    if (selector.kind !== 'selector' || !bare) {
      throw syntaxError(this.#text, node.from, 'ranges are only allowed for vector selectors');
    }
    if (selector.offset !== 0 || selector.at !== null || selector.reach !== null) {
      throw syntaxError(this.#text, node.from, 'no offset or @ modifier is allowed before the range');
    }
    const range = this.#positive(this.#children(node)[1]!);
    return { kind: 'range', selector, range, from: selector.from, to: node.to };
  }

  #subquery(node: SyntaxNode, expr: Expr): Expr {
    const [, duration, step] = this.#children(node);
    return {
      kind: 'subquery',
      expr,
      range: this.#positive(duration!),
      step: step ? this.#positive(step) : null,
      offset: 0,
      at: null,
      from: expr.from,
      to: node.to,
    };
  }

  #positive(node: SyntaxNode): Duration {
    const duration = compileDuration(node, this.#text);
    if (typeof duration === 'number' && duration <= 0) {
      throw syntaxError(this.#text, node.from, 'duration must be greater than 0');
    }
    return duration;
  }

  /** The selector or subquery that `offset` and `@` apply to. */
  #shiftOf(expr: Expr, bare: boolean, suffix: SyntaxNode): Shift {
    const target = expr.kind === 'range' ? expr.selector : expr;
    if (bare && (target.kind === 'selector' || target.kind === 'subquery')) return target;
    const word = suffix.name === 'OffsetExpr' ? 'offset' : '@';
    throw syntaxError(
      this.#text,
      suffix.from,
      `${word} modifier must be preceded by an instant vector selector, range vector selector or a subquery`,
    );
  }

  #applyOffset(shift: Shift, node: SyntaxNode): void {
    if (shift.offset !== 0) throw syntaxError(this.#text, node.from, 'offset may not be set multiple times');
    shift.offset = compileDuration(this.#children(node)[2]!, this.#text);
  }

  #applyAt(shift: Shift, node: SyntaxNode): void {
    if (shift.at !== null)
      throw syntaxError(this.#text, node.from, '@ <timestamp> may not be set multiple times');
    const time = this.#children(node)[2]!;
    if (time.name === 'AtModifierPreprocessors') {
      shift.at = this.#slice(time).toLowerCase().startsWith('start') ? 'start' : 'end';
      return;
    }
    const seconds = this.#number(time);
    if (!Number.isFinite(seconds) || Math.abs(seconds) > 9.2e15) {
      throw syntaxError(this.#text, time.from, 'timestamp out of bounds for @ modifier');
    }
    shift.at = Math.round(seconds * 1000);
  }

  #applyReach(expr: Expr, bare: boolean, node: SyntaxNode): void {
    const reach = node.name === 'AnchoredExpr' ? 'anchored' : 'smoothed';
    const target = expr.kind === 'range' ? expr.selector : expr;
    if (!bare || target.kind !== 'selector' || (reach === 'anchored' && expr.kind !== 'range')) {
      const allowed = reach === 'anchored' ? 'a range vector selector' : 'a selector';
      throw syntaxError(this.#text, node.from, `${reach} modifier must be preceded by ${allowed}`);
    }
    if (target.reach !== null)
      throw syntaxError(this.#text, node.from, 'only one of anchored and smoothed may be set, once');
    target.reach = reach;
  }

  /** Compiles a chain of operators, which binds by PromQL's precedence whatever the tree says. */
  #chain(node: SyntaxNode): Expr {
    const tokens = flattenChain(node, (inner) => this.#children(inner), this.#text);
    return climb(tokens, {
      operand: (operand) => this.#operand(operand),
      operator: (binary, left, right) => this.#binary(binary, left, right),
    });
  }

  #operand({ node, suffixes, from }: ChainOperand): Expr {
    let expr: Expr = node.name === 'NumberDurationLiteral' ? this.#unsigned(node, from) : this.compile(node);
    let bare = node.name !== 'ParenExpr';
    for (const suffix of suffixes) {
      if (suffix.name === 'OffsetExpr') this.#applyOffset(this.#shiftOf(expr, bare, suffix), suffix);
      else if (suffix.name === 'StepInvariantExpr') this.#applyAt(this.#shiftOf(expr, bare, suffix), suffix);
      else if (suffix.name === 'AnchoredExpr' || suffix.name === 'SmoothedExpr')
        this.#applyReach(expr, bare, suffix);
      else
        expr =
          suffix.name === 'SubqueryExpr' ? this.#subquery(suffix, expr) : this.#range(suffix, expr, bare);
      if (suffix.name === 'SubqueryExpr') bare = true;
    }
    return expr;
  }

  /** The literal without its sign, which the chain holds as an operator. */
  #unsigned(node: SyntaxNode, from: number): Expr {
    const value = parseNumberLiteral(this.#text.slice(from, node.to));
    if (value === undefined) throw syntaxError(this.#text, node.from, `bad number ${this.#slice(node)}`);
    return { kind: 'number', value, from, to: node.to };
  }

  #binary(node: SyntaxNode, left: Expr, right: Expr): Binary {
    const children = this.#children(node);
    const operatorNode = children[1]!;
    const op = OPERATORS[operatorNode.name];
    if (!op) throw unsupported(`the operator ${this.#slice(operatorNode)}`, 'it works on native histograms');
    return {
      kind: 'binary',
      op,
      left,
      right,
      bool: children.some((child) => child.name === 'BoolModifier'),
      matching: this.#matching(children, op),
      from: left.from,
      to: right.to,
    };
  }

  #matching(children: readonly SyntaxNode[], op: Operator): Matching {
    const isSet = op === 'and' || op === 'or' || op === 'unless';
    const clause = children.find((child) => child.name === 'MatchingModifierClause');
    const fill = children.find((child) => child.name === 'FillModifier');
    let matching: Matching = isSet ? { ...ONE_TO_ONE, card: 'many-to-many' } : ONE_TO_ONE;
    if (clause) matching = this.#matchingClause(clause, matching);
    if (fill) {
      if (isSet)
        throw syntaxError(this.#text, fill.from, 'filling in missing series not allowed for set operators');
      matching = this.#fill(fill, matching);
    }
    return matching;
  }

  #matchingClause(clause: SyntaxNode, base: Matching): Matching {
    const parts = this.#children(clause);
    const on = parts[0]!.name === 'On';
    const labels = this.#labels(parts[1]!);
    const group = parts[2];
    if (!group) return { ...base, on, labels };
    if (base.card === 'many-to-many') {
      throw syntaxError(this.#text, group.from, 'no grouping allowed for set operations');
    }
    const include = parts[3] ? this.#labels(parts[3]) : [];
    const both = on ? include.find((label) => labels.includes(label)) : undefined;
    if (both !== undefined) {
      throw syntaxError(
        this.#text,
        group.from,
        `label "${both}" must not occur in ON and GROUP clause at once`,
      );
    }
    const card = group.name === 'GroupLeft' ? 'many-to-one' : 'one-to-many';
    return { ...base, card, on, labels, include };
  }

  #fill(node: SyntaxNode, base: Matching): Matching {
    let { fillLeft, fillRight } = base;
    for (const clause of this.#children(node)) {
      const literal = this.#children(clause).at(-1)!;
      const value = this.#number(literal);
      if (clause.name !== 'FillRightClause') fillLeft = value;
      if (clause.name !== 'FillLeftClause') fillRight = value;
    }
    return { ...base, fillLeft, fillRight };
  }

  #labels(node: SyntaxNode): string[] {
    return this.#children(node).map((label) => {
      if (label.name !== 'QuotedLabelName') return this.#slice(label);
      const name = this.#string(label);
      if (name === '') throw syntaxError(this.#text, label.from, 'a label name is empty');
      return name;
    });
  }

  #aggregate(node: SyntaxNode): Aggregate {
    const children = this.#children(node);
    const op = this.#slice(children[0]!).toLowerCase();
    const reason = unsupportedFunctions.get(op);
    if (reason !== undefined) throw unsupported(`the aggregation ${op}`, reason);
    const modifier = children.find((child) => child.name === 'AggregateModifier');
    const body = children.find((child) => child.name === 'FunctionCallBody')!;
    const args = this.#children(body).map((child) => this.compile(child));
    const wanted = /^(?:topk|bottomk|quantile|count_values|limitk)$/.test(op) ? 2 : 1;
    if (args.length !== wanted) {
      throw syntaxError(
        this.#text,
        node.from,
        `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`,
      );
    }
    return {
      kind: 'aggregate',
      op,
      expr: args.at(-1)!,
      param: wanted === 2 ? args[0]! : null,
      without: modifier?.firstChild?.name === 'Without',
      grouping: modifier ? this.#labels(modifier.lastChild!) : [],
      from: node.from,
      to: node.to,
    };
  }

  #call(node: SyntaxNode): Expr {
    const [identifier, body] = this.#children(node);
    const name = this.#slice(identifier!);
    const reason = unsupportedFunctions.get(name);
    if (reason !== undefined) throw unsupported(`the function ${name}`, reason);
    const children = this.#children(body!);
    const args = children.map((child, index) =>
      name === 'info' && index === 1 ? this.#labelSelector(child) : this.compile(child),
    );
    return { kind: 'call', name, args, from: node.from, to: node.to };
  }
}
