import type { Kysely } from 'kysely';

/** Incidents, their time lines, step attempts, alerts, runbook versions and evidence. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await incidents(db);
  await attempts(db);
  await alertsAndEvidence(db);
}

async function incidents(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('incidents')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('runbook', 'text', (column) => column.notNull())
    .addColumn('runbook_hash', 'text')
    .addColumn('title', 'text', (column) => column.notNull())
    .addColumn('severity', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('snapshot', 'text', (column) => column.notNull())
    .addColumn('labels', 'text', (column) => column.notNull())
    .addColumn('join_key', 'text')
    .addColumn('is_open', 'integer', (column) => column.notNull())
    .addColumn('alert_count', 'integer', (column) => column.notNull())
    .addColumn('opened_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addColumn('closed_at', 'bigint')
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('head_hash', 'text', (column) => column.notNull())
    .addColumn('fence', 'integer', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('incidents_one_open_per_key')
    .unique()
    .on('incidents')
    .column('join_key')
    .where('is_open' as never, '=', 1)
    .execute();
  await db.schema.createIndex('incidents_by_opening').on('incidents').column('opened_at').execute();
  await db.schema
    .createTable('events')
    .addColumn('incident', 'text', (column) => column.notNull().references('incidents.id'))
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('data', 'text', (column) => column.notNull())
    .addColumn('prev_hash', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('events_pk', ['incident', 'seq'])
    .execute();
}

async function attempts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('step_attempts')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('incident', 'text', (column) => column.notNull().references('incidents.id'))
    .addColumn('step', 'integer', (column) => column.notNull())
    .addColumn('block', 'integer', (column) => column.notNull())
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('step_hash', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('fence', 'integer', (column) => column.notNull())
    .addColumn('worker', 'text', (column) => column.notNull())
    .addColumn('lease_until', 'bigint', (column) => column.notNull())
    .addColumn('intended_at', 'bigint', (column) => column.notNull())
    .addColumn('ended_at', 'bigint')
    .addColumn('exit', 'integer')
    .addColumn('output', 'text')
    .addColumn('truncated', 'integer', (column) => column.notNull())
    .addColumn('decision', 'text')
    .addColumn('decided_by', 'text')
    .addColumn('decided_at', 'bigint')
    .addUniqueConstraint('attempts_numbered', ['incident', 'step', 'block', 'attempt'])
    .execute();
  await db.schema
    .createIndex('attempts_by_lease')
    .on('step_attempts')
    .columns(['state', 'lease_until'])
    .execute();
}

async function alertsAndEvidence(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('alerts')
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('starts_at', 'bigint', (column) => column.notNull())
    .addColumn('incident', 'text', (column) => column.notNull().references('incidents.id'))
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('labels', 'text', (column) => column.notNull())
    .addColumn('annotations', 'text', (column) => column.notNull())
    .addColumn('ends_at', 'bigint')
    .addColumn('received_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addColumn('received_count', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('alerts_pk', ['fingerprint', 'starts_at'])
    .execute();
  await db.schema.createIndex('alerts_by_incident').on('alerts').column('incident').execute();
  await db.schema
    .createTable('runbook_versions')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('file', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('seen_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('evidence')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('runbook', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('incident', 'text')
    .addColumn('data', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('evidence_by_runbook').on('evidence').columns(['runbook', 'at']).execute();
}
