/** node:sqlite under kysely: one connection, statements cached, every transaction BEGIN IMMEDIATE. */
import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteDialect,
  type TransactionSettings,
} from 'kysely';
import { systemCode } from '../kernel/index.ts';
import { makeFolderSync } from './make-folder.ts';
import { isBusy, storeError } from './sqlite-errors.ts';
import { storable } from './storable.ts';

const WAL_ATTEMPTS = 50;
const WAL_PAUSE_MS = 20;
const CACHED_STATEMENTS = 128;
/** Longest pause between two attempts to begin a transaction while another program writes. */
const LONGEST_TURN_MS = 10;

/**
 * Opens (or makes) the database file, with its folder.
 * @throws `E_STORE_UNUSABLE` when the folder or file cannot be written or is no database,
 *   `E_STORE_BUSY` when another program holds it for longer than `busyMs`
 */
export function openSqlite(file: string, busyMs: number): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    if (file !== ':memory:') makePrivate(file);
    database = new DatabaseSync(file, { timeout: busyMs });
    switchToWal(database);
    // FULL: a commit is on the disk before it is acknowledged.
    database.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    requireWritable(database);
    return database;
  } catch (error) {
    database?.close();
    throw storeError(error, file);
  }
}

/** Opens an existing store for reading beside the connection that writes. */
export function openSqliteForReading(file: string, busyMs: number): DatabaseSync {
  try {
    return new DatabaseSync(file, { timeout: busyMs, readOnly: true });
  } catch (error) {
    throw storeError(error, file);
  }
}

/** Outputs and labels are nobody else's business: a new folder and file are their owner's only. */
function makePrivate(file: string): void {
  makeFolderSync(dirname(file));
  try {
    closeSync(openSync(file, 'ax', 0o600));
  } catch (error) {
    // What is there already keeps its rights; whether it is a store, SQLite tells.
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

/** The switch to WAL on a new file ignores the busy time-out, so it is tried again here. */
function switchToWal(database: DatabaseSync): void {
  for (let attempt = 1; ; attempt++) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || attempt >= WAL_ATTEMPTS) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAL_PAUSE_MS);
    }
  }
}

/** A read-only file opens without complaint and fails at the first write: better now. */
function requireWritable(database: DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE');
  database.exec('ROLLBACK');
}

export interface OpenDatabase {
  readonly database: DatabaseSync;
  readonly file: string;
  /** Milliseconds to wait for another program's transaction. */
  readonly busyMs: number;
}

export class NodeSqliteDialect extends SqliteDialect {
  readonly #open: OpenDatabase;

  constructor(open: OpenDatabase) {
    super({ database: () => Promise.reject(new TypeError('the driver below holds the database')) });
    this.#open = open;
  }

  override createDriver(): Driver {
    return new NodeSqliteDriver(this.#open);
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

/** SQLite's DDL is transactional, so migrations of two processes at once exclude each other. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class NodeSqliteDriver implements Driver {
  readonly #connection: NodeSqliteConnection;

  constructor(open: OpenDatabase) {
    this.#connection = new NodeSqliteConnection(open);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection;
  }

  async beginTransaction(_: DatabaseConnection, { accessMode }: TransactionSettings): Promise<void> {
    if (accessMode === 'read only') this.#connection.beginReading();
    else await this.#connection.begin();
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(): Promise<void> {
    this.#connection.rollback();
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {
    this.#connection.close();
  }
}

interface Prepared {
  readonly statement: StatementSync;
  /** It answers with rows. */
  readonly reads: boolean;
  /** The rows are those that it changed. */
  readonly returning: boolean;
}

class NodeSqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync;
  readonly #file: string;
  readonly #busyMs: number;
  readonly #statements = new Map<string, Prepared>();

  constructor({ database, file, busyMs }: OpenDatabase) {
    this.#database = database;
    this.#file = file;
    this.#busyMs = busyMs;
  }

  /**
   * Begins at once for writing: a deferred BEGIN that reads and then writes fails when another process wrote meanwhile.
   * While somebody else writes, this waits without holding up the whole process, as SQLite's own waiting would.
   */
  async begin(): Promise<void> {
    const deadline = performance.now() + this.#busyMs;
    for (let attempt = 1; !this.#tryBegin(performance.now() >= deadline); attempt++) {
      await pause(Math.random() * Math.min(attempt, LONGEST_TURN_MS));
    }
  }

  /** What others commit from now on is not seen until the end; it holds nobody up. */
  beginReading(): void {
    this.#database.exec('BEGIN');
  }

  /** False while another program writes; @throws `E_STORE_BUSY` then, the last time */
  #tryBegin(last: boolean): boolean {
    try {
      this.#database.exec('PRAGMA busy_timeout = 0');
      this.#database.exec('BEGIN IMMEDIATE');
      return true;
    } catch (error) {
      if (isBusy(error) && !last) return false;
      throw storeError(error, this.#file);
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${this.#busyMs}`);
    }
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    try {
      const { statement, reads, returning } = this.#prepare(sql);
      const values = parameters.map(storable) as SQLInputValue[];
      if (reads) {
        const rows = statement.all(...values) as Row[];
        return returning ? { rows, numAffectedRows: BigInt(rows.length) } : { rows };
      }
      const { changes } = statement.run(...values);
      return { rows: [], numAffectedRows: BigInt(changes) };
    } catch (error) {
      throw storeError(error, this.#file);
    }
  }

  // oxlint-disable-next-line require-yield -- the interface wants it; nothing here streams
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new TypeError('streaming is not used');
  }

  /** A failed statement may have ended the transaction already. */
  rollback(): void {
    if (this.#database.isTransaction) this.#database.exec('rollback');
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(sql: string): Prepared {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    const reads = statement.columns().length > 0;
    const prepared = { statement, reads, returning: reads && /\breturning\b/i.test(sql) };
    if (this.#statements.size >= CACHED_STATEMENTS) this.#statements.clear();
    this.#statements.set(sql, prepared);
    return prepared;
  }
}
