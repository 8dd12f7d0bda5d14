import { expect, test } from 'vitest';
import { isNestedTooDeeply } from './nesting.ts';

const filler = 'x'.repeat(70_000);
const nested = (levels: number) => `${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`;
const isTooDeep = (text: string) => isNestedTooDeeply(Buffer.from(text));

test('a thousand levels are taken, and more are not', () => {
  expect(isTooDeep(`["${filler}",${nested(900)},${nested(900)}]`)).toBe(false);
  expect(isTooDeep(`["${filler}",${nested(1002)}]`)).toBe(true);
  expect(isTooDeep('['.repeat(100_000))).toBe(true);
});

test('brackets within texts are no levels, wherever the texts end', () => {
  const brackets = '['.repeat(5000);
  expect(isTooDeep(`["${filler}","${brackets}"]`)).toBe(false);
  expect(isTooDeep(`["${filler}","\\"${brackets}"]`)).toBe(false);
  expect(isTooDeep(`["${filler}","\\\\",${brackets}]`)).toBe(true);
  expect(isTooDeep(`["${filler}`)).toBe(false);
});

test('a small body is not looked at', () => {
  expect(isTooDeep('['.repeat(60_000))).toBe(false);
});
