/**
 * Wake-ups through PostgreSQL: LISTEN on a connection of its own, which is made again when it is lost.
 *
 * NOTIFY is sent after the commit and not in the transaction: a transaction that notifies holds a lock of the whole
 * database until its commit is on the disk, so that writers would commit one after the other. A notification that
 * never leaves, because the process ends in between, is one of those that a slow poll makes up for.
 */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Listeners } from './listeners.ts';
import { TidyClient } from './postgres-client.ts';
import type { Place } from './postgres-place.ts';

const CHANNEL = 'allclear';
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

export class PostgresChanges {
  readonly #place: Place;
  readonly #pool: Pool;
  readonly #listeners: Listeners;
  /** Tells own notifications, whose listeners have been called already, from those of others. */
  readonly #self = randomUUID();
  #client: TidyClient | null = null;
  #listening = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #announcing: Promise<void> | null = null;
  #news = false;

  constructor(place: Place, pool: Pool, listeners: Listeners) {
    this.#place = place;
    this.#pool = pool;
    this.#listeners = listeners;
  }

  /** Begins to listen, at the first listener. Resolves when the server was told, or could not be. */
  async listen(): Promise<void> {
    if (this.#listening || this.#closed) return;
    this.#listening = true;
    await this.#connect();
  }

  /** Tells the other processes. At most one notification is under way; what happens meanwhile is one more. */
  announce(): void {
    this.#news = true;
    this.#announcing ??= this.#sendAll().finally(() => {
      this.#announcing = null;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#announcing;
    await this.#client?.end().catch(() => {});
  }

  async #sendAll(): Promise<void> {
    while (this.#news) {
      this.#news = false;
      // When it cannot be sent, the others find out by their slow poll.
      await this.#pool.query('select pg_notify($1, $2)', [CHANNEL, this.#self]).catch(() => {});
    }
  }

  async #connect(): Promise<void> {
    const client = new TidyClient(this.#place.config);
    this.#client = client;
    client.on('error', () => {});
    client.on('notification', ({ payload }) => {
      if (payload !== this.#self) this.#listeners.call();
    });
    client.once('end', () => this.#connectLater());
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      this.#pauseMs = FIRST_PAUSE_MS;
      // What happened while nobody listened.
      this.#listeners.call();
    } catch {
      void client.end().catch(() => {});
      this.#connectLater();
    }
  }

  #connectLater(): void {
    if (this.#closed || this.#retry) return;
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined;
        void this.#connect();
      },
      this.#pauseMs * (0.5 + Math.random()),
    );
    this.#retry.unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
