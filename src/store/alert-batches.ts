/** Many alerts with few statements: what one transaction of the intake reads and writes. */
import { sql } from 'kysely';
import type { AlertRecord } from './alerts.ts';
import type { Reader, Writer } from './database.ts';
import { toJson } from './json.ts';
import { type Columns, insertQuery, oneOf } from './row-set.ts';
import type { AlertRow } from './schema.ts';

const COLUMNS: Columns<AlertRow> = {
  fingerprint: 'text',
  starts_at: 'bigint',
  incident: 'text',
  status: 'text',
  labels: 'text',
  annotations: 'text',
  ends_at: 'bigint',
  generator_url: 'text',
  received_at: 'bigint',
  updated_at: 'bigint',
  received_count: 'bigint',
};

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
  if (occurrences.length === 0) return [];
  const fingerprints = occurrences.map(({ fingerprint }) => fingerprint);
  const times = occurrences.map(({ startsAt }) => startsAt);
  const rows = await db
    .selectFrom('alerts')
    .select(['fingerprint', 'starts_at', 'incident', 'status', 'ends_at', 'updated_at'])
    .where(oneOf(db, 'fingerprint', fingerprints))
    .where((eb) => eb.or([eb('status', '=', 'firing'), oneOf(db, 'starts_at', times)]))
    .execute();
  return rows.map((row) => ({
    fingerprint: row.fingerprint,
    startsAt: row.starts_at,
    incident: row.incident,
    status: row.status === 'resolved' ? 'resolved' : 'firing',
    endsAt: row.ends_at,
    updatedAt: row.updated_at,
  }));
}

/** Inserts occurrences, each of them once, and brings those that are there already up to date. */
export async function writeAlerts(tx: Writer, alerts: readonly AlertWrite[], at: number): Promise<void> {
  if (alerts.length === 0) return;
  const rows = alerts.map((alert) => toRow(alert, at));
  await sql`${insertQuery(tx, 'alerts', COLUMNS, rows)} on conflict (fingerprint, starts_at) do update set
    incident = excluded.incident, status = excluded.status, annotations = excluded.annotations,
    ends_at = excluded.ends_at, updated_at = excluded.updated_at,
    received_count = alerts.received_count + excluded.received_count`.execute(tx);
}

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

function toRow(alert: AlertWrite, at: number): AlertRow {
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
