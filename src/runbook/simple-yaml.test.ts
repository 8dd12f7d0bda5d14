import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseSimpleYaml } from './simple-yaml.ts';

describe('the plain front matter reader', () => {
  it('reads what it knows, and leaves the rest to the library', () => {
    expect(
      parseSimpleYaml('id: storm\nalerts: [A, B]\nreviewed: 2026-01-31\nweight: 20\nowner: "a: b"\n'),
    ).toEqual({
      id: 'storm',
      alerts: ['A', 'B'],
      reviewed: '2026-01-31',
      weight: 20,
      owner: 'a: b',
    });
    for (const yaml of [
      'a: yes',
      'a: b: c',
      'a: b #c',
      'a:\n  b: c',
      'a: "\\n"',
      'a: 1.5',
      'a: 007',
      'a: [x,y]',
      '# c',
      'a: |',
      "a: 'x'",
    ]) {
      expect(parseSimpleYaml(yaml), yaml).toBeNull();
    }
  });

  it('agrees with the library wherever it answers', () => {
    const word = fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom(
        'a',
        'true',
        'Null',
        '~',
        '12',
        '0x1F',
        '1e3',
        '.inf',
        '2026-01-31',
        'x y',
        'a-b',
        '[a, b]',
        '[a]',
        '[]',
        '"q r"',
        '"a: b"',
        'a#b',
        'a: b',
        '*x',
        '!t',
      ),
    );
    const line = fc
      .tuple(fc.constantFrom('id', 'a-b', 'C', 'owner', '__proto__'), fc.constantFrom(': ', ':  ', ':'), word)
      .map((parts) => parts.join(''));
    let answered = 0;
    fc.assert(
      fc.property(fc.uniqueArray(line, { maxLength: 4 }), (lines) => {
        const yaml = lines.map((text) => `${text}\n`).join('');
        const simple = parseSimpleYaml(yaml);
        if (simple === null || lines.length === 0) return;
        answered += 1;
        expect(simple).toEqual(parse(yaml));
      }),
      { numRuns: 6000 },
    );
    expect(answered).toBeGreaterThan(200);
  });
});
