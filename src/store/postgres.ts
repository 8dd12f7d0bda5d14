/** `pg` under kysely: a bounded pool, coded errors, and a commit whose answer was lost is said to be unknown. */
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  PostgresDialect,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import { Pool, type PoolClient } from 'pg';
import { AllclearError } from '../kernel/index.ts';
import { TidyClient } from './postgres-client.ts';
import { connectError, isLost, postgresError } from './postgres-errors.ts';
import type { Place } from './postgres-place.ts';
import { storable } from './storable.ts';

/** Connections of one process, beside the one that listens. */
const MAX_CONNECTIONS = 8;
/** A process that hangs inside a transaction loses it, and others go on. */
const IDLE_IN_TRANSACTION_MS = 60_000;

/** @param busyMs how long a statement waits for a row that another transaction holds */
export function openPool({ config }: Place, busyMs: number): Pool {
  const pool = new Pool({
    ...config,
    Client: TidyClient,
    max: MAX_CONNECTIONS,
    idleTimeoutMillis: 10_000,
    // oxlint-disable-next-line no-misused-promises -- pg waits for it; its types do not say so
    onConnect: async (client) => {
      // A server that acknowledges before it has written (synchronous_commit = off) would lose what we acknowledge.
      // Work and leases come and go within seconds. A bitmap scan reads every index entry that has died since the last
      // vacuum, each time anew; an index scan marks it, and passes over it from then on. The default price of a random
      // page is that of a spinning disk: with it, and before the first statistics, whole tables are read for a few rows.
      await client.query(
        `select set_config('lock_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $2, false),
           set_config('enable_bitmapscan', 'off', false), set_config('random_page_cost', '1.1', false),
           set_config('synchronous_commit',
             case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end,
             false)`,
        [String(busyMs), String(IDLE_IN_TRANSACTION_MS)],
      );
    },
  });
  // A connection may be lost at any time, in the pool or out of it: whoever uses it next is told.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

export class PoolDialect extends PostgresDialect {
  readonly #pool: Pool;
  readonly #place: Place;

  constructor(pool: Pool, place: Place) {
    super({ pool });
    this.#pool = pool;
    this.#place = place;
  }

  override createDriver(): Driver {
    return new PoolDriver(this.#pool, this.#place);
  }
}

class PoolDriver implements Driver {
  readonly #pool: Pool;
  readonly #place: Place;

  constructor(pool: Pool, place: Place) {
    this.#pool = pool;
    this.#place = place;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    const full = this.#pool.totalCount >= MAX_CONNECTIONS;
    try {
      return new PoolConnection(await this.#pool.connect(), this.#place);
    } catch (error) {
      if (!full || !isLost(error)) throw connectError(error, this.#place);
      throw new AllclearError('E_STORE_BUSY', {
        what: `all ${MAX_CONNECTIONS} connections of this process were in use for too long`,
        next: 'Try again.',
        file: this.#place.shown,
        cause: error,
      });
    }
  }

  async beginTransaction(connection: PoolConnection, { accessMode }: TransactionSettings): Promise<void> {
    // Not the server's default: rows that are read and then written are locked (`forUpdate`).
    const reads = accessMode === 'read only';
    await connection.run(
      `begin isolation level ${reads ? 'repeatable read read only' : 'read committed read write'}`,
    );
    // A slow taker of an export must not lose it in the middle.
    if (reads) await connection.run('set local idle_in_transaction_session_timeout = 0');
  }

  async commitTransaction(connection: PoolConnection): Promise<void> {
    const { command } = await connection.run('commit').catch((error: unknown) => {
      throw isLost(error instanceof AllclearError ? error.details.cause : error)
        ? outcomeUnknown(error, this.#place)
        : error;
    });
    // PostgreSQL answers so when a statement had failed and the failure was swallowed.
    if (command === 'ROLLBACK')
      throw new Error('a statement of this transaction had failed: nothing is kept');
  }

  /** A connection that cannot roll back is thrown away; the server rolls back by itself. */
  async rollbackTransaction(connection: PoolConnection): Promise<void> {
    await connection.run('rollback').catch(() => connection.giveUp());
  }

  async releaseConnection(connection: PoolConnection): Promise<void> {
    connection.release();
  }

  async destroy(): Promise<void> {
    await this.#pool.end();
  }
}

function outcomeUnknown(cause: unknown, place: Place): AllclearError {
  return new AllclearError('E_STORE_UNKNOWN', {
    what: 'the connection was lost during a commit, so it is unknown whether it was kept',
    next: 'Look whether it took effect before doing it again.',
    file: place.shown,
    cause,
  });
}

class PoolConnection implements DatabaseConnection {
  readonly #client: PoolClient;
  readonly #place: Place;
  #useless = false;

  constructor(client: PoolClient, place: Place) {
    this.#client = client;
    this.#place = place;
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const { command, rowCount, rows } = await this.run(sql, parameters);
    const changes = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'].includes(command);
    return { rows: rows as Row[], ...(changes && { numAffectedRows: BigInt(rowCount ?? 0) }) };
  }

  /** Errors: the store's; unique violations as `pg` throws them. */
  async run(sql: string, parameters: readonly unknown[] = []) {
    try {
      return await this.#client.query<Record<string, unknown>>(sql, parameters.map(storable));
    } catch (error) {
      // After a lost answer nobody knows what the connection will say next.
      if (isLost(error)) this.giveUp();
      throw postgresError(error, this.#place);
    }
  }

  // oxlint-disable-next-line require-yield -- the interface wants it; nothing here streams
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new TypeError('streaming is not used');
  }

  giveUp(): void {
    this.#useless = true;
  }

  release(): void {
    this.#client.release(this.#useless);
  }
}
