/** Every migration in order. Append only: a released migration is never edited, renamed or removed. */
import type { Migration } from 'kysely/migration';
import { up as incidents } from './0001-incidents.ts';
import { up as service } from './0002-service.ts';
import { up as bytewise } from './0003-bytewise.ts';
import { up as ledgerHead } from './0004-ledger-head.ts';

export const migrations: Readonly<Record<string, Migration>> = {
  '0001-incidents': { up: incidents },
  '0002-service': { up: service },
  '0003-bytewise': { up: bytewise },
  '0004-ledger-head': { up: ledgerHead },
};
