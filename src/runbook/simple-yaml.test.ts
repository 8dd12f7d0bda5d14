import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { findFrontMatter } from './front-matter-text.ts';
import { parseSimpleYaml } from './simple-yaml.ts';

describe('the plain front matter reader', () => {
  it('reads what it knows, and leaves the rest to the library', () => {
    expect(
      parseSimpleYaml(
        'params:\n  up:\n    default: http://x:1/y, z\n  b: c\nconfirm: a && b\nevery: 90d\nid: storm\nalerts: [A, B]\nreviewed: 2026-01-31\nweight: 20\nowner: "a: b"\n',
      ),
    ).toEqual({
      params: { up: { default: 'http://x:1/y, z' }, b: 'c' },
      confirm: 'a && b',
      every: '90d',
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
      'a:',
      'a:\nb: c',
      'a: b\n  c: d',
      'a:\n    b: c',
      'a:\n- b',
      'a: "\\n"',
      'a: 1.5',
      'a: 007',
      'a: [x,y]',
      '# c',
      'a: |',
      "a: 'x'",
      'a: b ',
      'a: b:',
      'a: &b c',
    ]) {
      expect(parseSimpleYaml(yaml), yaml).toBeNull();
    }
  });

  it('reads the front matter of the runbooks that are shipped', () => {
    const folder = join(import.meta.dirname, '..', '..', 'runbooks');
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.md'))) {
      const { yaml } = findFrontMatter(readFileSync(join(folder, file), 'utf8'))!;
      expect(parseSimpleYaml(yaml), file).toEqual(parse(yaml));
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
        '90d',
        '.inf',
        '2026-01-31',
        'x y',
        'x  y',
        'a-b',
        'a, b',
        'a && b || c',
        'http://x:1/y',
        '[a, b]',
        '[a]',
        '[]',
        '[a, true]',
        '"q r"',
        '"a: b"',
        'a#b',
        'a #b',
        'a: b',
        'a:',
        '*x',
        '!t',
        '<<',
        'a|',
        'a >',
      ),
    );
    const key = fc.constantFrom('id', 'a-b', 'C', 'owner', '__proto__', 'constructor', 'true', 'y', '1');
    const line = fc
      .tuple(
        fc.constantFrom('', '', '', '  ', '    ', '   '),
        key,
        fc.constantFrom(': ', ': ', ': ', ':  ', ':\n'),
        word,
      )
      .map((parts) => parts.join('').replace(/\n.*/, ''));
    let answered = 0;
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
        const yaml = lines.map((text) => `${text}\n`).join('');
        const simple = parseSimpleYaml(yaml);
        if (simple === null || lines.length === 0) return;
        answered += 1;
        expect(simple).toEqual(parse(yaml));
      }),
      { numRuns: 12000 },
    );
    expect(answered).toBeGreaterThan(200);
  });
});
