import type { Clock } from '../kernel/index.ts';
import type { Chain } from './chain.ts';
import type { Reader, Writer } from './database.ts';

export type { Reader, Writer } from './database.ts';

export interface Store {
  readonly kind: 'sqlite' | 'postgres';
  /** The file, or the server and database without the password, for messages. */
  readonly location: string;
  /** How its lines are hashed: for the audit. */
  readonly chain: Chain;
  /** For reading outside a transaction. */
  readonly db: Reader;
  /**
   * Runs `work` in one transaction and commits it durably. Keep it short and await nothing but the
   * database in it: other processes wait meanwhile. `work` is done again when another transaction was in the way
   * (a deadlock, the same unique key), so whatever it gathers must begin anew inside it.
   * Errors: `E_STORE_BUSY`, `E_STORE_UNUSABLE`, `E_STORE_DOWN`; whatever `work` throws rolls it back.
   * `E_STORE_UNKNOWN`: the server went away during the commit; look before doing it again.
   */
  write<T>(work: (tx: Writer) => Promise<T>): Promise<T>;
  /**
   * Reads the store as it is at one moment, however long that takes: nobody waits, and what is committed meanwhile is
   * not seen. For whole stores; errors as for reading.
   */
  snapshot<T>(work: (db: Reader) => Promise<T>): Promise<T>;
  /** Epoch ms by which leases are judged; the same for every process that shares the store. */
  now(): number;
  /**
   * Calls `listener` soon after anything may have been committed, by this or another process; it looks for
   * itself what. Returns how to stop. Now and then a call is missed: look slowly by yourself too.
   */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

export interface StoreOptions {
  /** For tests: the store's time is this clock's. Default: the system's on SQLite, the server's on PostgreSQL. */
  readonly clock?: Clock | undefined;
  /** Milliseconds to wait for another program's transaction before `E_STORE_BUSY`. Default 5,000. */
  readonly busyMs?: number;
  /** Makes the hashes of time lines and ledger with this key: see docs/adr/0014-two-stores.md. Default: none. */
  readonly auditKey?: string | null | undefined;
}
