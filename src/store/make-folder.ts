/**
 * Makes a folder and those above it, for its owner only. Not Node's own `recursive`, which never returns where
 * the system refuses in an odd way (`/proc/x`).
 */
import { mkdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../kernel/index.ts';

const MODE = 0o700;

/** Does nothing when it exists. Errors: those of `mkdir`. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, MODE);
  } catch (error) {
    if (!isMissingParent(error, path)) return;
    await makeFolder(dirname(path));
    await mkdir(path, MODE).catch(unlessItExists);
  }
}

/** The same for those who may wait. */
export function makeFolderSync(path: string): void {
  try {
    mkdirSync(path, MODE);
  } catch (error) {
    if (!isMissingParent(error, path)) return;
    makeFolderSync(dirname(path));
    try {
      mkdirSync(path, MODE);
    } catch (again) {
      unlessItExists(again);
    }
  }
}

/** False when it exists already. Throws what cannot be helped. */
function isMissingParent(error: unknown, path: string): boolean {
  const code = systemCode(error);
  if (code === 'EEXIST') return false;
  if (code !== 'ENOENT' || dirname(path) === path) throw error;
  return true;
}

function unlessItExists(error: unknown): void {
  if (systemCode(error) !== 'EEXIST') throw error;
}
