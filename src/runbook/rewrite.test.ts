import { describe, expect, it } from 'vitest';
import { addHistoryEntry, applyEdits, setFrontMatterKey } from './index.ts';

const entry = { date: '2026-03-04', text: 'Storm. Paced at 50/s.' };

describe('applyEdits', () => {
  it('replaces, inserts and removes in one go', () => {
    expect(
      applyEdits('abcdef', [
        { start: 4, end: 6, text: '' },
        { start: 0, end: 1, text: 'X' },
        { start: 2, end: 2, text: '-' },
      ]),
    ).toBe('Xb-cd');
  });

  it('refuses edits that overlap or lie outside', () => {
    expect(() =>
      applyEdits('abc', [
        { start: 0, end: 2, text: '' },
        { start: 1, end: 3, text: '' },
      ]),
    ).toThrow(/overlaps/);
    expect(() => applyEdits('abc', [{ start: 2, end: 4, text: '' }])).toThrow(/outside/);
  });
});

describe('addHistoryEntry', () => {
  it('puts the newest first, and last where the dates ascend', () => {
    expect(addHistoryEntry('## History\n\n- 2026-02-01: b\n- 2026-01-01: a\n\n## Notes\n', entry)).toBe(
      '## History\n\n- 2026-03-04: Storm. Paced at 50/s.\n- 2026-02-01: b\n- 2026-01-01: a\n\n## Notes\n',
    );
    expect(addHistoryEntry('## History\n\n- 2026-01-01: a\n- 2026-02-01: b\n\n## Notes\n', entry)).toBe(
      '## History\n\n- 2026-01-01: a\n- 2026-02-01: b\n- 2026-03-04: Storm. Paced at 50/s.\n\n## Notes\n',
    );
  });

  it('uses the marker and line ends that the file uses', () => {
    expect(addHistoryEntry('## History\r\n * 2026-01-01: a', entry)).toBe(
      '## History\r\n * 2026-03-04: Storm. Paced at 50/s.\r\n * 2026-01-01: a',
    );
    expect(addHistoryEntry('## History\n* 2026-01-01: a\n* 2026-01-02: b', entry)).toBe(
      '## History\n* 2026-01-01: a\n* 2026-01-02: b\n* 2026-03-04: Storm. Paced at 50/s.\n',
    );
  });

  it('makes the section at the end, whatever was left open there', () => {
    const made = '## History\n\n- 2026-03-04: Storm. Paced at 50/s.\n';
    expect(addHistoryEntry('', entry)).toBe(made);
    expect(addHistoryEntry('# T', entry)).toBe(`# T\n\n${made}`);
    expect(addHistoryEntry('# T\n\n', entry)).toBe(`# T\n\n${made}`);
    expect(addHistoryEntry('# T\n```sh\nx\n', entry)).toBe(`# T\n\`\`\`sh\nx\n\`\`\`\n\n${made}`);
    expect(addHistoryEntry('<!-- x', entry)).toBe(`<!-- x\n-->\n\n${made}`);
  });

  it('keeps further lines inside the entry', () => {
    const written = addHistoryEntry('# T\n', { date: '2026-03-04', text: 'One.\n\n## Two\n```sh' });
    expect(written).toBe('# T\n\n## History\n\n- 2026-03-04: One.\n  ## Two\n  ```sh\n');
  });

  it('fills an empty section', () => {
    expect(addHistoryEntry('## History\n\nNone yet.\n', entry)).toBe(
      '## History\n\n- 2026-03-04: Storm. Paced at 50/s.\n\n\nNone yet.\n',
    );
  });
});

describe('setFrontMatterKey', () => {
  it('replaces one value and keeps comments, order and unknown keys', () => {
    const source =
      '---\r\n# who\r\nzone: [a,  b]   # c\r\nreviewed: 2025-01-01   # yearly\r\nparams:\r\n  x: y\r\n---\r\n# T\r\n';
    expect(setFrontMatterKey(source, 'reviewed', '2026-03-04')).toBe(
      source.replace('2025-01-01', '2026-03-04'),
    );
    expect(setFrontMatterKey(source, 'params', ['x'])).toBe(source.replace('\r\n  x: y', '\r\n  [x]'));
  });

  it('adds a key at the end, and front matter where there is none', () => {
    expect(setFrontMatterKey('---\nid: x\n---\n# T\n', 'reviewed', '2026-03-04')).toBe(
      '---\nid: x\nreviewed: 2026-03-04\n---\n# T\n',
    );
    expect(setFrontMatterKey('\uFEFF# T\n', 'alerts', ['A', 'b c: d'])).toBe(
      '\uFEFF---\nalerts: [A, "b c: d"]\n---\n\n# T\n',
    );
    expect(setFrontMatterKey('---\nreviewed:\n---\n', 'reviewed', '2026-03-04')).toBe(
      '---\nreviewed: 2026-03-04\n---\n',
    );
  });

  it('quotes what YAML would read as something else', () => {
    for (const value of ['true', '1', 'a: b', '', ' x', '- a', 'a #b', 'null', '2026']) {
      expect(setFrontMatterKey('', 'owner', value)).toContain(`owner: ${JSON.stringify(value)}\n`);
    }
  });

  it('does not touch front matter that is broken', () => {
    expect(() => setFrontMatterKey('---\na: [1\n---\n', 'reviewed', '2026-03-04')).toThrow(/broken YAML/);
    expect(() => setFrontMatterKey('', 'a: b', 'x')).toThrow(/cannot be a front matter key/);
  });
});
