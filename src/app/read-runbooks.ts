/** Runbooks from files and folders, with an error for every way in which a path can disappoint. */
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AllclearError, systemCode } from '../kernel/index.ts';
import { parseRunbook, type Runbook } from '../runbook/index.ts';

/** Bytes. The largest runbook known has 40 KB. */
const MAX_BYTES = 1024 * 1024;
/** Folders are walked this deep, and give at most this many runbooks. */
const MAX_DEPTH = 32;
const MAX_FILES = 100_000;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', '.git']);

/**
 * Reads and parses one runbook.
 * @param path as the user gave it; it stands in messages and in `Runbook.file`
 * Errors: `E_FILE_NOT_FOUND`, `E_FILE_UNREADABLE` (a folder, no permission), `E_FILE_BINARY`, `E_FILE_TOO_LARGE`
 */
export async function readRunbook(path: string, cwd: string): Promise<Runbook> {
  return parseRunbook(await readTextFile(path, cwd), path);
}

/**
 * Reads a text file whole. The text has every byte of the file: a byte order mark stays, and what is
 * not UTF-8 is refused rather than replaced, so that writing the text back loses nothing.
 * Errors: as `readRunbook`
 */
export async function readTextFile(path: string, cwd: string): Promise<string> {
  const bytes = await readBounded(path, resolve(cwd, path));
  if (bytes.includes(0)) {
    throw new AllclearError('E_FILE_BINARY', {
      what: 'this is not a text file (it holds NUL bytes)',
      next: 'Give a Markdown file in UTF-8; convert UTF-16 with `iconv -f UTF-16 -t UTF-8`.',
      file: path,
    });
  }
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new AllclearError('E_FILE_BINARY', {
      what: 'this file is not UTF-8 text',
      next: 'Convert it, for example with `iconv -f ISO-8859-1 -t UTF-8`.',
      file: path,
      cause,
    });
  }
}

async function readBounded(path: string, absolute: string): Promise<Buffer> {
  let handle: FileHandle | null = null;
  try {
    // Without waiting: a named pipe that nobody writes to would never open.
    handle = await open(absolute, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await handle.stat();
    if (!found.isFile()) throw notAFile(path, found.isDirectory());
    return await readToEnd(handle, path, found.size);
  } catch (error) {
    throw error instanceof AllclearError ? error : fileError(error, path);
  } finally {
    await handle?.close();
  }
}

/** Reads a regular file, also one that grows meanwhile or (as under /proc) does not tell its size. */
async function readToEnd(handle: FileHandle, path: string, size: number): Promise<Buffer> {
  if (size > MAX_BYTES) throw tooLarge(path, size);
  let buffer = Buffer.allocUnsafe(size + 1);
  let length = 0;
  for (;;) {
    const wanted = buffer.length - length;
    const { bytesRead } = await handle.read(buffer, length, wanted, null);
    length += bytesRead;
    // Room for one byte more than there are: what does not fill it was the end.
    if (bytesRead === 0 || (bytesRead < wanted && size > 0)) return buffer.subarray(0, length);
    if (length > MAX_BYTES) throw tooLarge(path, length);
    if (length === buffer.length)
      buffer = Buffer.concat([buffer], Math.min(2 * length + 4096, MAX_BYTES + 1));
  }
}

function notAFile(path: string, isFolder: boolean): AllclearError {
  return new AllclearError('E_FILE_UNREADABLE', {
    what: isFolder ? 'this is a folder' : 'this is not a regular file',
    next: isFolder
      ? 'Name a file in it; `inspect` and `lint` also take folders.'
      : 'Write its content to a file and give that.',
    file: path,
  });
}

function tooLarge(path: string, size: number): AllclearError {
  return new AllclearError('E_FILE_TOO_LARGE', {
    what: `this file has ${Math.ceil(size / 1024)} KiB, and the limit is ${MAX_BYTES / 1024} KiB`,
    next: 'Split it into one runbook per failure mode.',
    file: path,
  });
}

function fileError(cause: unknown, path: string): AllclearError {
  const code = systemCode(cause);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new AllclearError('E_FILE_NOT_FOUND', {
      what: 'there is no such file or folder',
      next: 'Check the path; it is looked up from the current folder.',
      file: path,
      cause,
    });
  }
  const permission = code === 'EACCES' || code === 'EPERM';
  return new AllclearError('E_FILE_UNREADABLE', {
    what: permission ? 'you have no permission to read it' : `it cannot be read (${code ?? String(cause)})`,
    next: permission ? 'Change its permissions, or run as its owner.' : 'Check the disk and the path.',
    file: path,
    cause,
  });
}

/**
 * The runbooks that files and folders stand for: files as given, folders walked for `*.md` in the order
 * of their names, without `node_modules` and `.git`. Symbolic links to folders are not followed.
 * Missing files are left for `readRunbook` to report, so that one does not hide the others.
 * Errors: `E_FILE_UNREADABLE` for a folder that cannot be listed; `E_NOT_FOUND` for one without runbooks; `E_BAD_VALUE` for too many files
 */
export async function findRunbooks(paths: readonly string[], cwd = process.cwd()): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const isFolder = await stat(resolve(cwd, path)).then(
      (entry) => entry.isDirectory(),
      () => false,
    );
    const before = found.length;
    if (isFolder) await walk(path, cwd, 0, found);
    else found.push(path);
    if (found.length === before) throw noRunbooks(path);
  }
  return [...new Set(found)];
}

function noRunbooks(folder: string): AllclearError {
  return new AllclearError('E_NOT_FOUND', {
    what: 'there is no runbook (*.md) in this folder',
    next: 'Name a folder with Markdown files, or a file.',
    file: folder,
  });
}

async function walk(folder: string, cwd: string, depth: number, found: string[]): Promise<void> {
  if (depth > MAX_DEPTH) return;
  const entries = await readdir(resolve(cwd, folder), { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(error, folder);
  });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name)) await walk(path, cwd, depth + 1, found);
    if (!entry.isDirectory() && /\.md$/i.test(entry.name)) found.push(path);
    if (found.length > MAX_FILES) {
      throw new AllclearError('E_BAD_VALUE', {
        what: `there are more than ${MAX_FILES} runbooks under it`,
        next: 'Name smaller folders.',
        file: folder,
      });
    }
  }
}
