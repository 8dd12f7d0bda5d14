import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { membersOf, skipSpace } from './json-members.ts';

describe('membersOf', () => {
  it('finds every value of any object, in whatever layout', () => {
    const layout = fc.constantFrom('', ' ', '\t', 2);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), layout, (value, space) => {
        const text = ` ${JSON.stringify(value, null, space)}\n`;
        const members = membersOf(text, skipSpace(text, 0))!;
        const read = [...members].map(([name, { start, end }]) => [name, JSON.parse(text.slice(start, end))]);
        expect(read).toEqual(Object.entries(JSON.parse(text) as object));
      }),
    );
  });

  it('does not choose between two members of one name, however they are written', () => {
    expect(membersOf('{"a":1,"a":2}', 0)).toBeNull();
    expect(membersOf(String.raw`{"a":1,"\u0061":2}`, 0)).toBeNull();
  });
});
