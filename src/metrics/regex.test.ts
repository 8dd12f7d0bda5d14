import { describe, expect, it } from 'vitest';
import { compileRegex } from './regex.ts';

function matches(pattern: string, text: string): boolean {
  const compiled = compileRegex(pattern);
  if (!(compiled instanceof RegExp)) throw new Error(compiled.problem);
  return compiled.test(text);
}

describe('RE2 patterns', () => {
  it.each([
    ['a|b', 'a', true],
    ['a|b', 'ab', false],
    ['.*', 'two\nlines', true],
    ['(?i)get|post', 'POST', true],
    ['x(?i)a|b', 'B', true],
    ['x(?i)a|b', 'XA', false],
    ['((?i)PRO).*', 'production', true],
    ['((?i)PRO)X', 'prox', false],
    ['(?i:a)b', 'Ab', true],
    ['(?i:a)b', 'AB', false],
    ['(?P<name>a+)', 'aaa', true],
    ['a-b\\-c\\_d'.replace('\\_', '_'), 'a-b-c_d', true],
    ['[[:alpha:]]+\\d', 'abc1', true],
    ['[]a]+', ']a]', true],
    ['[a\\-z]+', 'a-z', true],
    ['\\Qa.b*\\E', 'a.b*', true],
    ['\\Qa.b*\\E', 'axb', false],
    ['a{2}', 'aa', true],
    ['a{x}', 'a{x}', true],
    ['\\x41\\x{1F600}', 'A😀', true],
    ['.', '😀', true],
    ['\\pL+', 'é', true],
    ['\\p{Greek}', 'α', true],
    ['/api/v1\\.0/.*', '/api/v1.0/x', true],
    ['', '', true],
    ['', 'x', false],
  ])('%s against %s is %s', (pattern, text, expected) => expect(matches(pattern, text)).toBe(expected));

  it.each(['(?=a)', '(?<!a)b', '(a)\\1', 'a(', 'a)', '[a', 'a\\', '\\k', '(?U)a', '*a', 'a'.repeat(20_000)])(
    'refuses what RE2 does not have: %s',
    (pattern) => expect(compileRegex(pattern)).toHaveProperty('problem'),
  );
});
