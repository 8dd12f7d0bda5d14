import type { Reader } from './database.ts';
import { stringMap } from './json.ts';
import type { AlertRow } from './schema.ts';

/** One occurrence of an alert, identified by fingerprint and start. */
export interface AlertRecord {
  readonly fingerprint: string;
  /** Epoch ms. */
  readonly startsAt: number;
  readonly incident: string;
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly endsAt: number | null;
  /** Where the alert's query can be looked at. */
  readonly generatorUrl: string | null;
  /** How often it was delivered: HA pairs and repeats send the same one again. */
  readonly receivedCount: number;
}

export async function findAlert(
  db: Reader,
  fingerprint: string,
  startsAt: number,
): Promise<AlertRecord | null> {
  const row = await db
    .selectFrom('alerts')
    .selectAll()
    .where('fingerprint', '=', fingerprint)
    .where('starts_at', '=', startsAt)
    .executeTakeFirst();
  return row ? toRecord(row) : null;
}

/** The incident's alerts in the order they came, at most `limit`. */
export async function listAlerts(db: Reader, incident: string, limit: number): Promise<AlertRecord[]> {
  const rows = await db
    .selectFrom('alerts')
    .selectAll()
    .where('incident', '=', incident)
    .orderBy('received_at')
    .orderBy('fingerprint')
    .limit(limit)
    .execute();
  return rows.map(toRecord);
}

/** How many of the incident's alerts still fire. */
export async function countFiring(db: Reader, incident: string): Promise<number> {
  const { firing } = await db
    .selectFrom('alerts')
    .select((eb) => eb.fn.countAll<number>().as('firing'))
    .where('incident', '=', incident)
    .where('status', '=', 'firing')
    .executeTakeFirstOrThrow();
  return firing;
}

/** True while one of the incident's alerts fires. */
export async function hasFiring(db: Reader, incident: string): Promise<boolean> {
  const row = await db
    .selectFrom('alerts')
    .select('fingerprint')
    .where('incident', '=', incident)
    .where('status', '=', 'firing')
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

function toRecord(row: AlertRow): AlertRecord {
  return {
    fingerprint: row.fingerprint,
    startsAt: row.starts_at,
    incident: row.incident,
    status: row.status === 'resolved' ? 'resolved' : 'firing',
    labels: stringMap(row.labels),
    annotations: stringMap(row.annotations),
    endsAt: row.ends_at,
    generatorUrl: row.generator_url,
    receivedCount: row.received_count,
  };
}
