import { AllclearError, systemCode } from '../kernel/index.ts';

// SQLite's primary result codes, https://www.sqlite.org/rescode.html
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** What is wrong with the store, by SQLite's code or the system's, and what to do about it. */
export function storeError(error: unknown, file: string): unknown {
  if (error instanceof AllclearError) return error;
  const code = primaryCode(error) ?? 0;
  switch (code) {
    case BUSY:
    case LOCKED:
      return new AllclearError('E_STORE_BUSY', {
        what: 'another program holds the store',
        next: 'Try again; if it stays, find the program with `fuser` and stop it.',
        file,
        cause: error,
      });
    case FULL:
      return unusable(error, file, 'the disk is full', 'Free some space; nothing acknowledged is lost.');
    case CORRUPT:
    case NOTADB:
      return unusable(
        error,
        file,
        'this is not an intact Allclear store',
        'Move the file away to begin a new store, or restore it from a backup.',
      );
    case READONLY:
    case CANTOPEN:
      return unusable(
        error,
        file,
        'the store cannot be written',
        'Give this user the right to write the file and its folder, or set ALLCLEAR_HOME to another folder.',
      );
    default:
      return systemProblem(error, file);
  }
}

/** ENOENT: below a link that points nowhere. */
const UNUSABLE_FOLDER: readonly string[] = [
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EEXIST',
  'ENOENT',
  'ELOOP',
  'ENOSPC',
  'ENAMETOOLONG',
];

function systemProblem(error: unknown, file: string): unknown {
  const code = systemCode(error);
  if (!code || !UNUSABLE_FOLDER.includes(code)) return error;
  return unusable(
    error,
    file,
    `the folder of the store cannot be made (${code})`,
    'Set ALLCLEAR_HOME to a folder this user can write.',
  );
}

function unusable(cause: unknown, file: string, what: string, next: string): AllclearError {
  return new AllclearError('E_STORE_UNUSABLE', { what, next, file, cause });
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === BUSY;
}

function primaryCode(error: unknown): number | undefined {
  const code = sqliteCode(error);
  return code === undefined ? undefined : code & 0xff;
}

function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode
    : undefined;
}
