/**
 * A store as JSON lines, the same from either database: a header with version and counts, one line per row, and a
 * last line with the number of rows and the SHA-256 of all lines before it.
 */
import { type Kysely, sql } from 'kysely';
import { AllclearError } from '../kernel/index.ts';
import type { Reader } from './database.ts';
import { migrations } from './migrations/index.ts';
import type { Schema } from './schema.ts';

/** Version of the format itself. */
export const FORMAT = 1;

export type TableName = keyof Schema;

/** Every table and its primary key, those first that others refer to. */
export const tables: Readonly<Record<TableName, readonly string[]>> = {
  meta: ['key'],
  runbook_versions: ['hash'],
  incidents: ['id'],
  events: ['incident', 'seq'],
  step_attempts: ['id'],
  alerts: ['fingerprint', 'starts_at'],
  evidence: ['id'],
  work: ['incident'],
  workers: ['id'],
  outbox: ['id'],
  tokens: ['id'],
  logins: ['hash'],
  ledger: ['n'],
};

export const tableNames = Object.keys(tables) as TableName[];

export type Counts = Readonly<Record<TableName, number>>;

export interface Header {
  readonly 'allclear-store': typeof FORMAT;
  /** The last migration of the store that it comes from. */
  readonly schema: string;
  readonly counts: Counts;
}

export interface Row {
  readonly table: TableName;
  readonly row: Readonly<Record<string, string | number | null>>;
}

export interface Trailer {
  readonly rows: number;
  readonly sha256: string;
}

/** The schema that this version reads and writes. */
export function schemaName(): string {
  return Object.keys(migrations).at(-1)!;
}

/** Tables of any name, for what treats all of them alike. */
export function anyTable(db: Reader): Kysely<Record<string, Record<string, unknown>>> {
  return db as unknown as Kysely<Record<string, Record<string, unknown>>>;
}

/** Rows of each table. */
export async function countRows(db: Reader): Promise<Counts> {
  const counts: [TableName, number][] = [];
  for (const table of tableNames) {
    const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(table)}`.execute(
      db,
    );
    counts.push([table, Number(rows[0]?.count)]);
  }
  return Object.fromEntries(counts) as Record<TableName, number>;
}

export function notAnExport(line: number, what: string): AllclearError {
  return new AllclearError('E_BAD_VALUE', {
    what: `line ${line} of the export: ${what}`,
    next: 'Export the store again with `allclear store export`; nothing was imported.',
  });
}
