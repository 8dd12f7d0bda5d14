import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readSecret } from './secret-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'allclear-secret-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'secret');

it('a secret comes from a file, without the newline of its editor, or from a variable', async () => {
  writeFileSync(file, ' hush \n');
  expect(await readSecret({ file }, 'it', {})).toBe(' hush ');
  expect(await readSecret({ env: 'A' }, 'it', { A: 'hush\n' })).toBe('hush\n');
  expect(await readSecret({}, 'it', { A: 'x' })).toBeNull();
});

it.each([
  ['an empty file', { file }, 'E_BAD_VALUE'],
  ['a folder', { file: folder }, 'E_FILE_UNREADABLE'],
  ['no file', { file: join(folder, 'none') }, 'E_FILE_UNREADABLE'],
  ['a variable that is not set', { env: 'NONE' }, 'E_BAD_VALUE'],
  ['an empty variable', { env: 'EMPTY' }, 'E_BAD_VALUE'],
  ['both', { file, env: 'A' }, 'E_BAD_VALUE'],
])('never from %s: a webhook would be open to everybody', async (_, source, code) => {
  writeFileSync(file, '\n');
  await expect(readSecret(source, 'the secret', { EMPTY: '', A: 'a' })).rejects.toMatchObject({ code });
});
