import type { SyntaxNode } from '@lezer/common';
import { NAME } from '../labels.ts';
import { type Matcher, type MatchOperator, makeMatcher } from '../matchers.ts';
import { syntaxError } from './failure.ts';
import { unquoteString } from './literals.ts';

/** The matchers of a `VectorSelector` node, the metric's name among them; one must refuse the empty string. */
export function compileMatchers(node: SyntaxNode, text: string): Matcher[] {
  const matchers = readMatchers(node, text);
  if (matchers.every((matcher) => matcher.test(''))) {
    throw syntaxError(text, node.from, 'vector selector must contain at least one non-empty matcher');
  }
  return matchers;
}

/** The same without that condition. */
export function readMatchers(node: SyntaxNode, text: string): Matcher[] {
  const matchers: Matcher[] = [];
  let named = false;
  const setName = (name: string, at: number) => {
    if (named) throw syntaxError(text, at, 'metric name must not be set twice');
    named = true;
    matchers.push(makeMatcher(NAME, '=', name));
  };
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (child.name === 'Identifier') setName(text.slice(child.from, child.to), child.from);
    if (child.name !== 'LabelMatchers') continue;
    for (let item = child.firstChild; item; item = item.nextSibling) {
      if (item.name === 'QuotedLabelName') setName(readString(item, text), item.from);
      else if (item.name.endsWith('LabelMatcher')) matchers.push(readMatcher(item, text, named));
    }
  }
  return matchers;
}

function readMatcher(node: SyntaxNode, text: string, named: boolean): Matcher {
  const label = node.firstChild!;
  const name = label.name === 'QuotedLabelName' ? readString(label, text) : text.slice(label.from, label.to);
  const operator = node.getChild('MatchOp')!;
  const value = node.lastChild!;
  if (named && name === NAME) throw syntaxError(text, node.from, 'metric name must not be set twice');
  return makeMatcher(name, text.slice(operator.from, operator.to) as MatchOperator, readString(value, text));
}

function readString(node: SyntaxNode, text: string): string {
  const value = unquoteString(text.slice(node.from, node.to));
  if (value === undefined) throw syntaxError(text, node.from, 'the string is not well formed');
  return value;
}
