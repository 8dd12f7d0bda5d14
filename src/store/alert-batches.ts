/** Many alerts with few statements: what one transaction of the intake reads and writes. */
import { CompiledQuery } from 'kysely';
import type { AlertRecord } from './alerts.ts';
import { isPostgres, type Reader, type Writer } from './database.ts';
import { toJson } from './json.ts';
import type { Schema } from './schema.ts';

/** Rows in one statement: 11 values each, and SQLite takes 32,766 of them. */
const ROWS = 512;

/** What is known of an occurrence, as far as another delivery of it needs. */
export interface KnownAlert {
  readonly fingerprint: string;
  /** Epoch ms, as all times here. */
  readonly startsAt: number;
  readonly incident: string;
  readonly status: 'firing' | 'resolved';
  readonly endsAt: number | null;
  /** The last delivery. */
  readonly updatedAt: number;
}

/** One occurrence as it is to be; `deliveries` is added to those that are known. */
export interface AlertWrite extends Omit<AlertRecord, 'receivedCount'> {
  readonly deliveries: number;
}

/** These occurrences, as far as they are known, and every other one of the same label sets that still fires. */
export async function findKnownAlerts(
  db: Reader,
  occurrences: readonly { readonly fingerprint: string; readonly startsAt: number }[],
): Promise<KnownAlert[]> {
  const found: KnownAlert[] = [];
  for (const part of parts(occurrences)) {
    const fingerprints = part.map(({ fingerprint }) => fingerprint);
    const times = part.map(({ startsAt }) => startsAt);
    const text = findTexts.get(db, part.length, () => compileFind(db, fingerprints, times));
    const { rows } = await db.executeQuery<KnownRow>(
      CompiledQuery.raw(text, [...fingerprints, 'firing', ...times]),
    );
    for (const row of rows) {
      found.push({
        fingerprint: row.fingerprint,
        startsAt: row.starts_at,
        incident: row.incident,
        status: row.status === 'resolved' ? 'resolved' : 'firing',
        endsAt: row.ends_at,
        updatedAt: row.updated_at,
      });
    }
  }
  return found;
}

/** Inserts occurrences, and brings those that are there already up to date. */
export async function writeAlerts(tx: Writer, alerts: readonly AlertWrite[], at: number): Promise<void> {
  for (const part of parts(alerts)) {
    const rows = part.map((alert) => toRow(alert, at));
    const text = upsertTexts.get(tx, part.length, () => compileUpsert(tx, rows));
    const values = rows.flatMap((row) => Object.values(row));
    await tx.executeQuery(CompiledQuery.raw(text, values));
  }
}

/**
 * Putting a statement together costs as much as carrying it out, and depends on nothing but the number of rows. Rows as one
 * JSON parameter (`row-set.ts`) have one text too, but SQLite then took in a fifth fewer alerts a second.
 */
class Texts {
  readonly #postgres = new Map<number, string>();
  readonly #sqlite = new Map<number, string>();

  get(db: Reader, rows: number, compile: () => string): string {
    const known = isPostgres(db) ? this.#postgres : this.#sqlite;
    const text = known.get(rows) ?? compile();
    known.set(rows, text);
    return text;
  }
}

const findTexts = new Texts();
const upsertTexts = new Texts();

type KnownRow = Pick<
  Schema['alerts'],
  'fingerprint' | 'starts_at' | 'incident' | 'status' | 'ends_at' | 'updated_at'
>;

/** Lists may name the same twice: their length decides the text. */
function compileFind(db: Reader, fingerprints: readonly string[], times: readonly number[]): string {
  const query = db
    .selectFrom('alerts')
    .select(['fingerprint', 'starts_at', 'incident', 'status', 'ends_at', 'updated_at'])
    .where('fingerprint', 'in', fingerprints)
    .where((eb) => eb.or([eb('status', '=', 'firing'), eb('starts_at', 'in', times)]));
  return query.compile().sql;
}

function compileUpsert(tx: Writer, rows: readonly AlertValues[]): string {
  const query = tx
    .insertInto('alerts')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['fingerprint', 'starts_at']).doUpdateSet((eb) => ({
        incident: eb.ref('excluded.incident'),
        status: eb.ref('excluded.status'),
        annotations: eb.ref('excluded.annotations'),
        ends_at: eb.ref('excluded.ends_at'),
        updated_at: eb.ref('excluded.updated_at'),
        received_count: eb('alerts.received_count', '+', eb.ref('excluded.received_count')),
      })),
    );
  return query.compile().sql;
}

type AlertValues = ReturnType<typeof toRow>;

/** An earlier occurrence is over, as a later one of the same label set has shown. */
export async function endAlert(
  tx: Writer,
  { fingerprint, startsAt, endsAt }: Pick<KnownAlert, 'fingerprint' | 'startsAt' | 'endsAt'>,
): Promise<void> {
  await tx
    .updateTable('alerts')
    .set({ status: 'resolved', ends_at: endsAt })
    .where('fingerprint', '=', fingerprint)
    .where('starts_at', '=', startsAt)
    .execute();
}

function toRow(alert: AlertWrite, at: number) {
  return {
    fingerprint: alert.fingerprint,
    starts_at: alert.startsAt,
    incident: alert.incident,
    status: alert.status,
    labels: toJson(alert.labels),
    annotations: toJson(alert.annotations),
    ends_at: alert.endsAt,
    generator_url: alert.generatorUrl,
    received_at: at,
    updated_at: at,
    received_count: alert.deliveries,
  };
}

/** In sizes that are powers of two: so there are few different statements, and all of them stay prepared. */
function* parts<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let from = 0, size = ROWS; from < all.length; from += size) {
    while (size > all.length - from) size /= 2;
    yield all.slice(from, from + size);
  }
}
