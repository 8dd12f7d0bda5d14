import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { z } from 'zod';
import { AllclearError } from '../kernel/index.ts';
import { storedFingerprint } from './audit-key.ts';
import { isPostgres, type Reader, type Writer } from './database.ts';
import { readLines } from './read-lines.ts';
import type { Store } from './store.ts';
import {
  anyTable,
  type Counts,
  countRows,
  FORMAT,
  type Header,
  notAnExport,
  type Row,
  schemaName,
  type TableName,
  tableNames,
} from './transfer-format.ts';

/** Rows in one statement: 25 columns at most. */
const PART = 200;

const header = z.object({
  'allclear-store': z.literal(FORMAT),
  schema: z.string(),
  counts: z.record(z.string(), z.int().min(0)),
});
const row = z.object({
  table: z.enum(tableNames),
  row: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
});
const trailer = z.object({ rows: z.int().min(0), sha256: z.string() });

/**
 * Fills an empty store with what `exportStore` wrote, in one transaction: all of it or nothing.
 * @throws `E_BAD_VALUE` for what is no whole, unchanged export, `E_STORE_UNUSABLE` when the store is not empty or has
 *   another audit key, `E_STORE_NEWER` for an export of a newer version
 */
export async function importStore(store: Store, chunks: AsyncIterable<Uint8Array>): Promise<Counts> {
  // What was read cannot be read again: should the store try once more, it is told the same.
  let failure: unknown;
  return store.write(async (tx) => {
    if (failure !== undefined) throw failure;
    try {
      await requireEmpty(store, tx);
      return await fill(store, tx, chunks);
    } catch (error) {
      failure = error;
      throw error;
    }
  });
}

async function requireEmpty(store: Store, tx: Writer): Promise<void> {
  if (isPostgres(tx)) await sql`lock table incidents, ledger, tokens in exclusive mode`.execute(tx);
  const { workers: _, meta: __, ...counts } = await countRows(tx);
  const [table] = Object.entries(counts).find(([, count]) => count > 0) ?? [];
  // A ledger with nothing but the key is that of a store that was just made.
  const begun = table === 'ledger' && counts.ledger === 1 && store.chain.keyed;
  if (table === undefined || begun) {
    for (const cleared of ['workers', 'meta', 'ledger'] as const) await tx.deleteFrom(cleared).execute();
    return;
  }
  throw new AllclearError('E_STORE_UNUSABLE', {
    what: `the store is not empty (it has ${table})`,
    next: 'Import into a new one: set ALLCLEAR_STORE to another file or database.',
    file: store.location,
  });
}

async function fill(store: Store, tx: Writer, chunks: AsyncIterable<Uint8Array>): Promise<Counts> {
  const hash = createHash('sha256');
  const rows = new Rows(tx, await columnsOf(tx));
  let promised: Header | null = null;
  let ended = false;
  let number = 0;
  for await (const line of readLines(chunks)) {
    number += 1;
    if (ended) throw notAnExport(number, 'there is something after the end');
    const value = parse(line, number);
    if (promised === null) {
      promised = readHeader(value, number);
    } else if ('sha256' in value) {
      checkEnd(value, { number, rows: rows.count, sha256: hash.digest('hex') });
      ended = true;
      continue;
    } else {
      await rows.add(readRow(value, number), number);
    }
    hash.update(`${line}\n`);
  }
  if (!promised || !ended) throw notAnExport(number + 1, 'it is not whole: its end is missing');
  await rows.flush();
  return checkWhole(store, tx, promised);
}

function parse(line: string, number: number): object {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // The same to the reader.
  }
  throw notAnExport(number, 'it is no JSON object');
}

function readHeader(value: object, number: number): Header {
  const result = header.safeParse(value);
  if (!result.success) throw notAnExport(number, 'it is not the beginning of an export');
  const { schema } = result.data;
  if (schema > schemaName()) {
    throw new AllclearError('E_STORE_NEWER', {
      what: `a newer Allclear has made this export (it has the migration ${schema})`,
      next: 'Import it with that version.',
    });
  }
  if (schema < schemaName()) {
    throw notAnExport(
      number,
      `an older Allclear has made it (${schema}); import it with that version, then open it with this`,
    );
  }
  return result.data as Header;
}

function readRow(value: object, number: number): Row {
  const result = row.safeParse(value);
  if (!result.success) throw notAnExport(number, 'it is no row of a store');
  return result.data;
}

function checkEnd(value: object, known: { number: number; rows: number; sha256: string }): void {
  const result = trailer.safeParse(value);
  if (result.success && result.data.rows === known.rows && result.data.sha256 === known.sha256) return;
  throw notAnExport(known.number, 'what comes before it has been changed or cut: its checksum differs');
}

/** What the header promised is there, and its key is the one this store was opened with. */
async function checkWhole(store: Store, tx: Writer, { counts: promised }: Header): Promise<Counts> {
  const counts = await countRows(tx);
  const short = tableNames.find((table) => counts[table] !== promised[table]);
  if (short !== undefined)
    throw notAnExport(1, `it promises ${promised[short]} rows of ${short}, and there are ${counts[short]}`);
  if ((await storedFingerprint(tx)) === store.chain.fingerprint) return counts;
  throw new AllclearError('E_STORE_UNUSABLE', {
    what: 'the export comes from a store with another audit key, or one without',
    next: 'Set ALLCLEAR_AUDIT_KEY as it was for that store.',
  });
}

async function columnsOf(db: Reader): Promise<Map<string, ReadonlySet<string>>> {
  const found = await db.introspection.getTables();
  return new Map(found.map(({ name, columns }) => [name, new Set(columns.map((column) => column.name))]));
}

/** Rows on their way in, some to a statement. */
class Rows {
  readonly #tx: Writer;
  readonly #columns: ReadonlyMap<string, ReadonlySet<string>>;
  #table: TableName = 'meta';
  #waiting: Row['row'][] = [];
  count = 0;

  constructor(tx: Writer, columns: ReadonlyMap<string, ReadonlySet<string>>) {
    this.#tx = tx;
    this.#columns = columns;
  }

  async add({ table, row: values }: Row, line: number): Promise<void> {
    const columns = this.#columns.get(table);
    const names = Object.keys(values);
    if (names.length !== columns?.size || !names.every((name) => columns.has(name))) {
      throw notAnExport(line, `it has not the columns of ${table}`);
    }
    if (table !== this.#table || this.#waiting.length >= PART) await this.flush();
    this.#table = table;
    this.#waiting.push(values);
    this.count += 1;
  }

  async flush(): Promise<void> {
    const rows = this.#waiting;
    this.#waiting = [];
    if (rows.length === 0) return;
    const query = anyTable(this.#tx).insertInto(this.#table).values(rows);
    await query.execute().catch((error: unknown) => {
      if (error instanceof AllclearError && error.code !== 'E_INTERNAL') throw error;
      throw new AllclearError('E_BAD_VALUE', {
        what: `rows of ${this.#table} do not fit into a store`,
        next: 'Export the store again with `allclear store export`; nothing was imported.',
        cause: error,
      });
    });
  }
}
