import type { DatabaseSync } from 'node:sqlite';
import type { Listeners } from './listeners.ts';

const POLL_MS = 50;

/** Wake-ups on SQLite: a counter in the database changes with every commit of another connection. */
export class SqliteChanges {
  readonly #database: DatabaseSync;
  readonly #listeners: Listeners;
  #timer: NodeJS.Timeout | undefined;
  #seen = 0;

  constructor(database: DatabaseSync, listeners: Listeners) {
    this.#database = database;
    this.#listeners = listeners;
  }

  /** Looks from now on, as long as there are listeners. */
  listen(): void {
    if (this.#timer) return;
    this.#seen = this.#version();
    this.#timer = setInterval(() => this.#look(), POLL_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    if (!this.#listeners.any) {
      this.close();
      return;
    }
    const version = this.#version();
    if (version === this.#seen) return;
    this.#seen = version;
    this.#listeners.call();
  }

  /** A file that is gone or locked says nothing: whoever reads it next is told. */
  #version(): number {
    try {
      // https://www.sqlite.org/pragma.html#pragma_data_version
      return Number(this.#database.prepare('PRAGMA data_version').get()?.['data_version']);
    } catch {
      return this.#seen;
    }
  }
}
