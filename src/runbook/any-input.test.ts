import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corpusRunbooks, referenceRunbook } from '../../test/corpora/runbooks.ts';
import { addHistoryEntry, applyEdits, parseRunbook, setFrontMatterKey } from './index.ts';
import { lintRunbook } from './lint/lint-runbook.ts';

const pieces = fc.constantFrom(
  '# Title',
  '## Symptom',
  '## Diagnosis',
  '## Remediation',
  '## Verify',
  '## History',
  '### Overview',
  '- 2026-01-01: x',
  '- 2026-02-01: y',
  '1. **Do**: it',
  '- CPU > 90% (normal: < 60%)',
  '```bash',
  '```',
  '~~~',
  '````promql {"name":"a"}',
  '```sh {"a":{"b":1}}',
  '```console',
  '$ ls \\',
  '> quote',
  '> ```sh',
  '   ```',
  '    code',
  '# Check rate (should be < 5/s)',
  'curl x/metrics | grep a_total',
  'cat <<EOF',
  "echo '",
  '<!--',
  '-->',
  '<details>',
  '<pre>',
  '<script>',
  '<?php',
  '<![CDATA[',
  '<!X',
  '---',
  '...',
  'id: x',
  'a: [1',
  '=====',
  '',
  '',
  '\t',
  '* * *',
  '[a]: b',
  '[x](y',
  '**',
  '`',
  '{',
  '}',
  '\u0000',
  '\uFEFF',
  '\uD800',
  '$(',
  '2026-01-01',
);
const ends = fc.constantFrom('\n', '\n', '\r\n', '\r');
const document = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(pieces, fc.string({ maxLength: 6 }), ends), { maxLength: 40 }))
  .map(([frontMatter, lines]) => (frontMatter ? '---\n' : '') + lines.flat().join(''));
const real = [...corpusRunbooks(), ...[referenceRunbook()].filter((file) => file !== null)].map(
  ({ source }) => source,
);
/** Real runbooks with a stretch cut out, doubled or replaced. */
const mutated = fc
  .tuple(fc.nat(), fc.nat(), fc.nat(300), fc.oneof(fc.string({ maxLength: 10 }), pieces))
  .map(([which, at, length, text]) => {
    const source = real[which % Math.max(1, real.length)] ?? '';
    const start = at % (source.length + 1);
    return source.slice(0, start) + text + source.slice(start + length);
  });
const anything = fc.oneof(fc.string({ unit: 'binary' }), document, document, mutated);

describe('any text at all', () => {
  it('is read without an exception, and kept as it is', () => {
    fc.assert(
      fc.property(anything, (source) => {
        const runbook = parseRunbook(source, 'any.md');
        expect(runbook.source).toBe(source);
        const lines = source.split(/\r\n?|\n/).length;
        for (const { line } of [
          ...runbook.checks,
          ...runbook.steps,
          ...runbook.history,
          ...runbook.diagnostics,
        ]) {
          expect(line).toBeGreaterThanOrEqual(1);
          expect(line).toBeLessThanOrEqual(lines);
        }
        const names = runbook.checks.map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
      }),
      { numRuns: 1500 },
    );
  });

  it('is linted without an exception, at lines that exist', () => {
    const alerts = [{ name: 'A', runbookUrl: 'x', file: 'r.yaml' }];
    fc.assert(
      fc.property(anything, (source) => {
        const lines = source.split(/\r\n?|\n/).length;
        for (const { line, expected } of lintRunbook(parseRunbook(source, 'any.md'), { now: 0, alerts })) {
          expect(line).toBeGreaterThanOrEqual(1);
          expect(line).toBeLessThanOrEqual(lines);
          expect(expected).not.toBe('');
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('comes back byte for byte when nothing was edited', () => {
    fc.assert(
      fc.property(anything, (source) => {
        expect(applyEdits(parseRunbook(source, 'any.md').source, [])).toBe(source);
      }),
    );
  });

  it('takes a history entry that is found again, and loses nothing', () => {
    fc.assert(
      fc.property(anything, (source) => {
        const entry = { date: '2026-03-04', text: 'Resolved in 4 min.\n## Remediation\n```sh\nrm\n```' };
        const written = addHistoryEntry(source, entry);
        expect(isInsertionOf(written, source), written).toBe(true);
        const before = parseRunbook(source, 'any.md');
        const after = parseRunbook(written, 'any.md');
        const found = after.history.filter(
          ({ date, text }) => date === entry.date && text.startsWith('Resolved in 4 min.'),
        );
        expect(found, written).toHaveLength(1);
        expect(after.checks.map(({ command }) => command)).toEqual(
          before.checks.map(({ command }) => command),
        );
        expect(after.steps.map(({ title }) => title)).toEqual(before.steps.map(({ title }) => title));
      }),
      { numRuns: 1500 },
    );
  });

  it('takes a front matter key that is read back, and loses nothing else', () => {
    let set = 0;
    fc.assert(
      fc.property(
        anything,
        fc.constantFrom('reviewed', 'owner', 'zone'),
        fc.constantFrom('2026-03-04', 'x: #y', 'plain words'),
        (source, key, value) => {
          let written: string;
          try {
            written = setFrontMatterKey(source, key, value);
          } catch (error) {
            expect(error).toMatchObject({ code: 'E_BAD_VALUE' });
            return;
          }
          set += 1;
          const { frontMatter, steps } = parseRunbook(written, 'any.md');
          expect(frontMatter.raw[key], written).toBe(value);
          expect(steps.length).toBe(parseRunbook(source, 'any.md').steps.length);
        },
      ),
      { numRuns: 1000 },
    );
    expect(set).toBeGreaterThan(500);
  });
});

describe('a hundred kilobytes of one thing', () => {
  const section = '## Diagnosis\n';
  it.each([
    '[',
    '*',
    '`',
    '{',
    '(',
    '<',
    '> ',
    '- ',
    '![',
    '[a](',
    '**a',
    '__',
    '\\',
    '|',
    '&',
    '"',
    "'",
    '$(',
    '${',
    '$ a\n',
    '# a\n',
    '<<a\n',
    '<<a ',
    ' ',
    '\n',
    '\t',
    '```\n',
    '```sh\n',
    '```sh {',
    '1. a\n',
    '- a\n',
    'a: b\n',
    '<!--',
    '<a\n',
    '[a]: b\n',
    'should be < ',
    '(should ',
    '5 ',
    '5,',
    'within 5',
    '2026-01-01 ',
    '## Verify\n',
    '### a\n',
    'a.b',
    '. ',
    ': ',
    '[x](y',
    '# ',
    '- 2026-01-01: a\n',
  ])('%j is read in time', (piece) => {
    for (const [before, after] of [
      ['', ''],
      [section, ''],
      [`${section}\`\`\`sh\n`, '\n```\n'],
      [`${section}\`\`\`sh\n# `, '\na\n```\n'],
      ['## Symptom\n- ', ''],
      ['## Fix\n1. ', ''],
      [`---\na: `, '\n---\n'],
      ['## History\n- ', ''],
      [`${section}\`\`\`sh {"a":"`, '"}\na\n```'],
    ]) {
      const source = before + piece.repeat(Math.floor(100_000 / piece.length)) + after;
      const started = performance.now();
      lintRunbook(parseRunbook(source, 'any.md'), { now: 0, alerts: [] });
      expect(performance.now() - started, `${before}…${after}`).toBeLessThan(1500);
    }
  });

  it('and a megabyte of everything are read in time', () => {
    // Where the time grew with the square of the length, a hundred kilobytes would need minutes.
    const line = '- [a](b **c** `d` {e} (should be < 5%) "f" $(g) ${h} <i> ~~j 2026-01-01: k\n';
    const started = performance.now();
    parseRunbook(`## Diagnosis\n${line.repeat(1_000_000 / line.length)}`, 'any.md');
    expect(performance.now() - started).toBeLessThan(6000);
  });
});

/** Whether `longer` is `shorter` with one stretch of text put in (or appended after a line end). */
function isInsertionOf(longer: string, shorter: string): boolean {
  let head = 0;
  while (head < shorter.length && longer[head] === shorter[head]) head += 1;
  return shorter.slice(head) === longer.slice(longer.length - (shorter.length - head));
}
