import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAlertRules } from './read-alert-rules.ts';
import { findRunbooks, readRunbook, readTextFile } from './read-runbooks.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'allclear-read-'));
  for (const folder of ['b/deep', 'node_modules/x', '.git', 'empty'])
    mkdirSync(join(root, folder), { recursive: true });
  for (const file of ['a.md', 'b/deep/c.MD', 'b/x.txt', 'node_modules/x/n.md', '.git/g.md'])
    writeFileSync(join(root, file), '# T\n');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function write(name: string, content: string | Buffer): string {
  writeFileSync(join(root, name), content);
  return name;
}

describe('reading a runbook', () => {
  it('gives the text byte for byte, and the path as it was given', async () => {
    const source = '\uFEFF# Größe 🚦\r\n\n## Diagnosis\r';
    const runbook = await readRunbook(write('whole.md', source), root);
    expect(runbook.source).toBe(source);
    expect(runbook.file).toBe('whole.md');
  });

  it('takes a file of any size up to the limit', async () => {
    for (const size of [0, 1, 65_536, 1024 * 1024])
      expect((await readTextFile(write('size.md', 'x'.repeat(size)), root)).length).toBe(size);
  });

  it.each([
    ['that is missing', 'missing.md', 'E_FILE_NOT_FOUND', null],
    ['below a file', 'a.md/x.md', 'E_FILE_NOT_FOUND', null],
    ['that is a folder', 'b', 'E_FILE_UNREADABLE', null],
    ['with NUL bytes', 'nul.md', 'E_FILE_BINARY', Buffer.from('# T\0')],
    ['in UTF-16', 'wide.md', 'E_FILE_BINARY', Buffer.from('# T', 'utf16le')],
    ['in Latin-1', 'latin.md', 'E_FILE_BINARY', Buffer.from('# Größe', 'latin1')],
    ['that is too large', 'large.md', 'E_FILE_TOO_LARGE', Buffer.alloc(1024 * 1024 + 1, 'x')],
  ])('refuses one %s, naming it and the way out', async (_, file, code, content) => {
    if (content) write(file, content);
    const error = await readRunbook(file, root).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, details: { file, next: expect.stringMatching(/\w/) as unknown } });
  });

  it('does not wait for a named pipe', async () => {
    execFileSync('bash', ['-c', 'mkfifo "$0"', join(root, 'pipe.md')]);
    await expect(readRunbook('pipe.md', root)).rejects.toMatchObject({ code: 'E_FILE_UNREADABLE' });
  });

  it.skipIf(process.getuid?.() === 0)('says so when it has no permission', async () => {
    chmodSync(join(root, write('secret.md', 'x')), 0);
    await expect(readRunbook('secret.md', root)).rejects.toMatchObject({ code: 'E_FILE_UNREADABLE' });
  });
});

describe('finding runbooks', () => {
  it('walks folders by name, without node_modules and .git, and keeps files as given', async () => {
    mkdirSync(join(root, 'walk/b/deep'), { recursive: true });
    for (const file of ['walk/z.md', 'walk/b/a.md', 'walk/b/deep/c.MD', 'walk/b/x.txt']) write(file, '');
    mkdirSync(join(root, 'walk/node_modules'));
    write('walk/node_modules/n.md', '');
    symlinkSync(join(root, 'walk'), join(root, 'walk/b/loop'));
    expect(await findRunbooks(['walk', 'nope.txt', 'walk/z.md'], root)).toEqual([
      'walk/b/a.md',
      'walk/b/deep/c.MD',
      'walk/z.md',
      'nope.txt',
    ]);
  });

  it('says so when a folder holds none', async () => {
    await expect(findRunbooks(['empty'], root)).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      details: { file: 'empty' },
    });
  });
});

describe('reading alert rules', () => {
  it('takes names and links from rule files and PrometheusRule objects', async () => {
    const rules =
      'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up == 0\n    annotations: {runbook_url: https://x/a}\n  - record: r\n    expr: up\n  - alert: B\n    annotations: {runbook: b}\n';
    write('rules.yaml', rules);
    write('object.yaml', `kind: PrometheusRule\nspec:\n${rules.replace(/^/gm, '  ').trimEnd()}\n`);
    const expected = [
      { name: 'A', runbookUrl: 'https://x/a' },
      { name: 'B', runbookUrl: 'b' },
    ];
    expect(await readAlertRules(['rules.yaml'], root)).toMatchObject(expected);
    expect(await readAlertRules(['object.yaml'], root)).toMatchObject(expected);
  });

  it.each([
    ['groups: [', 'E_BAD_VALUE'],
    ['a: 1', 'E_BAD_VALUE'],
    ['', 'E_BAD_VALUE'],
  ])('refuses %j with a place', async (yaml, code) => {
    await expect(readAlertRules([write('bad.yaml', yaml)], root)).rejects.toMatchObject({
      code,
      details: { file: 'bad.yaml', line: 1 },
    });
  });
});
