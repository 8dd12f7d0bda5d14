import type { Kysely } from 'kysely';

/** What several servers and workers share: work, workers, notifications, tokens, log-ins, and a ledger over it all. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await moreColumns(db);
  await workAndWorkers(db);
  await outbox(db);
  await access(db);
  await ledger(db);
}

async function moreColumns(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('incidents')
    .addColumn('site', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  await db.schema.alterTable('incidents').addColumn('assignee', 'text').execute();
  await db.schema.alterTable('incidents').addColumn('waiting', 'text').execute();
  await db.schema.alterTable('alerts').addColumn('generator_url', 'text').execute();
  // Not of incidents by their last change, which would make every change of an incident one of its indexes too.
  await db.schema.createIndex('events_by_time').on('events').column('at').execute();
}

async function workAndWorkers(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('work')
    .addColumn('incident', 'text', (column) => column.primaryKey().references('incidents.id'))
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('site', 'text', (column) => column.notNull())
    .addColumn('step', 'integer')
    .addColumn('block', 'integer')
    .addColumn('step_hash', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('ready_at', 'bigint', (column) => column.notNull())
    .addColumn('made_at', 'bigint', (column) => column.notNull())
    .addColumn('worker', 'text')
    .addColumn('lease_until', 'bigint')
    .addColumn('expires_at', 'bigint')
    .addColumn('fence', 'integer', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('work_by_readiness')
    .on('work')
    .columns(['state', 'ready_at', 'incident'])
    .execute();
  await db.schema
    .createTable('workers')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('sites', 'text')
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('seen_at', 'bigint', (column) => column.notNull())
    .execute();
}

async function outbox(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('outbox')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('incident', 'text', (column) => column.notNull().references('incidents.id'))
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('about', 'text', (column) => column.notNull())
    .addColumn('target', 'text', (column) => column.notNull())
    .addColumn('payload', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('next_at', 'bigint', (column) => column.notNull())
    .addColumn('lease_until', 'bigint')
    .addColumn('last_error', 'text')
    .addColumn('made_at', 'bigint', (column) => column.notNull())
    .addColumn('done_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('outbox_by_turn')
    .on('outbox')
    .columns(['state', 'target', 'next_at'])
    .execute();
  await db.schema
    .createIndex('outbox_by_incident')
    .on('outbox')
    .columns(['incident', 'target', 'seq'])
    .execute();
}

async function access(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('label', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('made_at', 'bigint', (column) => column.notNull())
    .addColumn('made_by', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint')
    .addColumn('revoked_at', 'bigint')
    .addColumn('revoked_by', 'text')
    .addColumn('used_at', 'bigint')
    .execute();
  await db.schema
    .createTable('logins')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('owner', 'text')
    .addColumn('role', 'text')
    .addColumn('data', 'text', (column) => column.notNull())
    .addColumn('made_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('logins_by_expiry').on('logins').column('expires_at').execute();
}

async function ledger(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('ledger')
    .addColumn('n', 'integer', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('incident', 'text')
    .addColumn('data', 'text', (column) => column.notNull())
    .addColumn('prev_hash', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('meta')
    .addColumn('key', 'text', (column) => column.primaryKey())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute();
}
