/** A small file that is replaced as a whole, and is on the disk before anybody is told so. */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from './folder.ts';

export class DurableFile {
  readonly path: string;
  readonly #text: () => string;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  /** @param text what the file is to say; asked when a write begins */
  constructor(path: string, text: () => string) {
    this.path = path;
    this.#text = text;
  }

  /**
   * Resolves once what `text` says now, or later, is on the disk. Saves that come in while another is
   * written become one. Rejects with the system's error; what the file said before then still stands.
   */
  save(): Promise<void> {
    this.#next ??= this.#writing.then(() => {
      this.#next = null;
      const written = replace(this.path, this.#text());
      // One that failed must not keep the next from being tried.
      this.#writing = written.catch(() => {});
      return written;
    });
    return this.#next;
  }
}

/** The file says either the old or the new text at any moment, also when the power fails. */
async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const folder = dirname(path);
  await makeFolder(folder);
  // Left over from a guard that was killed, or put there by others: never written through.
  await rm(temporary, { force: true });
  await withFile(await open(temporary, 'wx', 0o600), async (file) => {
    await file.writeFile(text);
    await file.sync();
  });
  await rename(temporary, path);
  await withFile(await open(folder, 'r'), (handle) => handle.sync());
}

async function withFile(handle: FileHandle, task: (handle: FileHandle) => Promise<void>): Promise<void> {
  try {
    await task(handle);
  } finally {
    await handle.close();
  }
}
