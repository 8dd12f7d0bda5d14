/**
 * A lock on a file that the system releases whatever ends the process, SIGKILL included. Node has no
 * `flock`; SQLite takes a lock of that kind on an empty database beside the file.
 */
import type { DatabaseSync } from 'node:sqlite';

/** SQLite's SQLITE_BUSY. */
const BUSY = 5;

export interface FileLock {
  release(): void;
}

/**
 * Null when another process (or another guard in this one) holds the lock of `file`.
 * Throws what the system says when `FILE.lock` cannot be made.
 */
export async function lockFile(file: string): Promise<FileLock | null> {
  const sqlite = await import('node:sqlite');
  let database: DatabaseSync | undefined;
  try {
    database = new sqlite.DatabaseSync(`${file}.lock`, { timeout: 0 });
    // Nothing is ever written, so no journal is needed beside it.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if ((error as { errcode?: unknown }).errcode === BUSY) return null;
    throw error;
  }
  const held = database;
  return { release: () => held.close() };
}
