import { createRequire } from 'node:module';
import type { Tree } from '@lezer/common';
import type { Expr } from './ast.ts';
import { checkTypes } from './check.ts';
import { Compiler } from './compile.ts';
import { syntaxError, unsupported } from './failure.ts';
import { functionsOutsideTheGrammar, functionsTheGrammarMisses } from './signatures.ts';

const MAX_QUERY_LENGTH = 100_000;

// Loaded on first use: most commands never see a query.
const require = createRequire(import.meta.url);
let parser: { parse(text: string): Tree } | undefined;

function grammar(): { parse(text: string): Tree } {
  parser ??= (require('@prometheus-io/lezer-promql') as typeof import('@prometheus-io/lezer-promql')).parser;
  return parser;
}

const parsed = new Map<string, Expr>();
const MAX_REMEMBERED = 500;

/**
 * Reads a query with Prometheus's own grammar and checks its types.
 * Throws `E_PROMQL_SYNTAX` (with line and column), or `E_PROMQL_UNSUPPORTED` naming what is not supported.
 */
export function parsePromql(text: string): Expr {
  const known = parsed.get(text);
  if (known) return known;
  if (text.length > MAX_QUERY_LENGTH) {
    throw syntaxError(text.slice(0, 80), 0, `the query is longer than ${MAX_QUERY_LENGTH} characters`);
  }
  if (text.trim() === '') throw syntaxError(text, 0, 'the query is empty');
  const tree = parseTree(text);
  const top = tree.topNode.firstChild;
  if (!top) throw syntaxError(text, 0, 'the query is empty');
  const expr = new Compiler(text).compile(skipComments(top));
  checkTypes(expr, text);
  if (parsed.size >= MAX_REMEMBERED) parsed.clear();
  parsed.set(text, expr);
  return expr;
}

function skipComments(first: Tree['topNode']): Tree['topNode'] {
  let node = first;
  while (node.name === 'LineComment' && node.nextSibling) node = node.nextSibling;
  return node;
}

/** Where the grammar gave up, or -1. */
function firstError(tree: Tree): number {
  let at = -1;
  tree.iterate({
    enter: (node) => {
      if (node.type.isError && at === -1) at = node.from;
      return at === -1;
    },
  });
  return at;
}

const MAX_REPAIRS = 50;

// Prometheus takes these in any case, as all its keywords; the published grammar only in lower case.
const DURATION_FUNCTION = /^(?:step|range|min_of|max_of)(?=\s*\()/i;

/** Parses with the published grammar, and mends what that does not know in text of the same length. */
function parseTree(text: string): Tree {
  let mended = text.includes('.') ? withoutTrailingDots(text) : text;
  for (let repairs = 0; ; repairs++) {
    const tree = grammar().parse(mended);
    const at = firstError(tree);
    if (at === -1) return tree;
    const keyword = DURATION_FUNCTION.exec(mended.slice(at))?.[0];
    if (keyword !== undefined && keyword !== keyword.toLowerCase() && repairs < MAX_REPAIRS) {
      mended = `${mended.slice(0, at)}${keyword.toLowerCase()}${mended.slice(at + keyword.length)}`;
      continue;
    }
    const called = /([a-zA-Z_:][\w:]*)\s*$/.exec(mended.slice(0, at));
    if (!called || !/^\s*\(/.test(mended.slice(at))) throw unexpected(text, at);
    const name = called[1]!;
    if (functionsTheGrammarMisses.has(name) && repairs < MAX_REPAIRS) {
      // Any function of as many letters will do: the name is read from the text itself.
      mended = `${mended.slice(0, called.index)}minute${mended.slice(called.index + name.length)}`;
    } else if (functionsOutsideTheGrammar.has(name)) {
      throw unsupported(`the function ${name}`, 'the published grammar of PromQL does not have it');
    } else {
      throw syntaxError(text, at, `unknown function ${name}`);
    }
  }
}

function unexpected(text: string, at: number) {
  const rest = text.slice(at).trim();
  const what = rest === '' ? 'the query ends too early' : `unexpected ${JSON.stringify(rest.slice(0, 30))}`;
  return syntaxError(text, at, what);
}

// The grammar does not know `2.` either; a space in place of the dot means the same.
const STRING_OR_DOT = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|#[^\n]*|(?<![\w.:])\d+\.(?![\w.])/g;

function withoutTrailingDots(text: string): string {
  return text.replaceAll(STRING_OR_DOT, (found) =>
    /^\d+\.$/.test(found) ? `${found.slice(0, -1)} ` : found,
  );
}
