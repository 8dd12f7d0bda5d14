import type { SyntaxNode } from '@lezer/common';
import type { Expr } from './ast.ts';

/**
 * The published grammar attaches `offset`, `@` and ranges to everything on their left:
 * `a + b offset 5m * c` parses as `((a + b) offset 5m) * c`. PromQL binds them to `b` alone. So a
 * chain of operators is taken apart here and put together again by precedence.
 */
export type ChainToken =
  | { readonly kind: 'operand'; readonly operand: ChainOperand }
  | { readonly kind: 'sign'; readonly negative: boolean; readonly from: number }
  /** `node` is the BinaryExpr that the operator and its modifiers stand in. */
  | { readonly kind: 'operator'; readonly name: string; readonly node: SyntaxNode };

export interface ChainOperand {
  readonly node: SyntaxNode;
  /** Where it begins, after a number's sign. */
  readonly from: number;
  /** The nodes of `offset`, `@`, `[5m]`, `[5m:]`, `anchored` and `smoothed` that follow it, in order. */
  readonly suffixes: SyntaxNode[];
}

const SUFFIXES = new Set([
  'OffsetExpr',
  'StepInvariantExpr',
  'MatrixSelector',
  'SubqueryExpr',
  'AnchoredExpr',
  'SmoothedExpr',
]);

/** Takes a chain apart, left to right. */
export function flattenChain(
  node: SyntaxNode,
  childrenOf: (node: SyntaxNode) => SyntaxNode[],
  text: string,
): ChainToken[] {
  const tokens: ChainToken[] = [];
  // A stack instead of recursion: a chain of a thousand operators is deep on one side only.
  const pending: (SyntaxNode | ChainToken | { suffix: SyntaxNode })[] = [node];
  let last: ChainOperand | undefined;
  for (let next = pending.pop(); next; next = pending.pop()) {
    if ('suffix' in next) last?.suffixes.push(next.suffix);
    else if ('kind' in next) tokens.push(next);
    else if (next.name === 'BinaryExpr') {
      const children = childrenOf(next);
      const operator = { kind: 'operator', name: children[1]!.name, node: next } as const;
      pending.push(children.at(-1)!, operator, children[0]!);
    } else if (next.name === 'UnaryExpr') {
      const [sign, inner] = childrenOf(next);
      tokens.push({ kind: 'sign', negative: text[sign!.from] === '-', from: next.from });
      pending.push(inner!);
    } else if (SUFFIXES.has(next.name)) {
      pending.push({ suffix: next }, childrenOf(next)[0]!);
    } else {
      last = operandOf(next, text, tokens);
      tokens.push({ kind: 'operand', operand: last });
    }
  }
  return tokens;
}

function operandOf(node: SyntaxNode, text: string, tokens: ChainToken[]): ChainOperand {
  const sign = node.name === 'NumberDurationLiteral' ? /^[+-]\s*/.exec(text.slice(node.from, node.to)) : null;
  if (sign) tokens.push({ kind: 'sign', negative: sign[0].startsWith('-'), from: node.from });
  return { node, from: node.from + (sign?.[0].length ?? 0), suffixes: [] };
}

const PRECEDENCE: Record<string, number> = {
  Or: 1,
  And: 2,
  Unless: 2,
  Eql: 3,
  Neq: 3,
  Lte: 3,
  Lss: 3,
  Gte: 3,
  Gtr: 3,
  TrimUpper: 3,
  TrimLower: 3,
  Add: 4,
  Sub: 4,
  Mul: 5,
  Div: 5,
  Mod: 5,
  Atan2: 5,
  Pow: 6,
};

interface Builder {
  operand(operand: ChainOperand): Expr;
  operator(node: SyntaxNode, left: Expr, right: Expr): Expr;
}

/** Puts a chain together: `^` is right-associative, a sign binds looser than `^` and tighter than `*`. */
export function climb(tokens: readonly ChainToken[], builder: Builder): Expr {
  let at = 0;
  const primary = (): Expr => {
    const signs: (ChainToken & { kind: 'sign' })[] = [];
    let token = tokens[at++]!;
    for (; token.kind === 'sign'; token = tokens[at++]!) signs.push(token);
    const operand = token.kind === 'operand' ? builder.operand(token.operand) : null;
    if (!operand) throw new RangeError('a chain of operators has no operand');
    let expr = signs.length > 0 ? rest(operand, 6) : operand;
    for (const sign of signs.toReversed()) {
      if (sign.negative) expr = { kind: 'negation', expr, from: sign.from, to: expr.to };
    }
    return expr;
  };
  const rest = (first: Expr, lowest: number): Expr => {
    let left = first;
    for (let token = tokens[at]; token?.kind === 'operator'; token = tokens[at]) {
      const precedence = PRECEDENCE[token.name] ?? 3;
      if (precedence < lowest) break;
      at++;
      const right = rest(primary(), token.name === 'Pow' ? precedence : precedence + 1);
      left = builder.operator(token.node, left, right);
    }
    return left;
  };
  return rest(primary(), 1);
}
