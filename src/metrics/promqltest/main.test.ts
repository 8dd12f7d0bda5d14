import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'allclear-promqltest-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function run(...args: string[]) {
  const main = join(import.meta.dirname, 'main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  return { status, lines: stdout.split('\n').filter((line) => line !== ''), stderr };
}

const good = file('good.test', 'eval instant at 0 1 + 1\n  2\n');

describe('the promqltest program', () => {
  it('prints one JSON line per file and ends with 0 when all agree', () => {
    const { status, lines } = run(good, good);
    expect(status).toBe(0);
    const line = { file: good, cases: 1, agreed: 1, unsupported: 0, disagreed: [] };
    expect(lines.map((text) => JSON.parse(text) as unknown)).toEqual([line, line]);
  });

  it('ends with 1 when a case disagrees', () => {
    const bad = file('bad.test', 'eval instant at 0 1 + 1\n  3\n');
    const { status, lines } = run(bad);
    expect(status).toBe(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      disagreed: [{ line: 1, query: '1 + 1', expected: '3', got: '2' }],
    });
  });

  it('ends with 2 and a coded line per file that it cannot use, and runs the others', () => {
    const missing = join(folder, 'missing.test');
    const binary = file('binary.test', Buffer.from([0x7f, 0, 1]));
    const misformed = file('misformed.test', '\nload 1m\n  x{ 1\n');
    const { status, lines, stderr } = run(missing, binary, misformed, good);
    expect(status).toBe(2);
    expect(lines).toHaveLength(1);
    expect(stderr).toContain(`E_FILE_NOT_FOUND: ${missing}`);
    expect(stderr).toContain(`E_FILE_BINARY: ${binary}`);
    expect(stderr).toContain(`E_PROMQL_TEST: ${misformed}:3:`);
  });

  it('ends with 2 and shows its usage without a file', () => {
    expect(run()).toMatchObject({ status: 2, stderr: expect.stringMatching(/^usage:/) as string });
  });
});
