import { describe, expect, it } from 'vitest';
import { ownLever } from './own-lever.ts';

const of = (more: object) => ownLever({ name: 'X', meaning: '', perTool: false, ...more });

describe('ownLever', () => {
  it.each([
    [{}, ' any text ', 'any text'],
    [{ min: 1, max: 3 }, '3', '3'],
    [{ min: -5 }, '-5', '-5'],
    [{ max: 3 }, '-100', '-100'],
    [{ pattern: /a|b/u }, 'b', 'b'],
    [{ pattern: /\d*/u }, '', ''],
  ])('%o takes %j', (more, text, value) => {
    expect(of(more).parse(text)).toBe(value);
  });

  it.each([
    [{}, ''],
    [{}, 'two\nlines'],
    [{}, 'nul\u0000'],
    [{}, 'x'.repeat(1001)],
    [{ min: 1, max: 3 }, '4'],
    [{ min: 1, max: 3 }, '0x2'],
    [{ min: 1 }, 'Infinity'],
    [{ pattern: /a|b/u }, 'ab'],
    [{ pattern: /a|b/u }, 'xb'],
  ])('%o refuses %j', (more, text) => {
    expect(() => of(more).parse(text)).toThrow(expect.objectContaining({ code: 'E_BAD_VALUE' }));
  });
});
