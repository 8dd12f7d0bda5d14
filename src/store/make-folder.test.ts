import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeFolder, makeFolderSync } from './make-folder.ts';

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'allclear-folder-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe.each([
  ['makeFolder', makeFolder],
  ['makeFolderSync', async (path: string) => makeFolderSync(path)],
] as const)('%s', (_, make) => {
  it('makes it with those above, for its owner, and is content when it exists', async () => {
    const path = join(scratch(), 'a', 'b', 'c');
    await make(path);
    await make(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  it('fails where there can be none', async () => {
    const file = join(scratch(), 'file');
    writeFileSync(file, '');
    await expect(make(join(file, 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it.runIf(existsSync('/proc'))('fails, and does not try for ever, where the system is odd', async () => {
    await expect(make('/proc/nowhere/at/all')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
