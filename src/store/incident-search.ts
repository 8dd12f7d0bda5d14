/** Lists of incidents: a page at a time, newest first, or those that changed since. */

import type { Reader } from './database.ts';
import { type IncidentRecord, toIncidentRecord } from './incidents.ts';

export interface IncidentSearch {
  readonly limit: number;
  /** Only those that are open, or only those that are over. */
  readonly open?: boolean;
  /** Names of states. */
  readonly states?: readonly string[];
  readonly runbook?: string;
  readonly severity?: string;
  readonly site?: string;
  readonly assignee?: string;
  /** Only those after this one, in the order of the list. */
  readonly after?: IncidentPlace;
}

/** Where an incident stands in a list. */
export interface IncidentPlace {
  /** Epoch ms. */
  readonly at: number;
  readonly id: string;
}

/** Newest first. */
export async function searchIncidents(db: Reader, search: IncidentSearch): Promise<IncidentRecord[]> {
  const { open, states, runbook, severity, site, assignee, after } = search;
  let query = db.selectFrom('incidents').selectAll();
  if (open !== undefined) query = query.where('is_open', '=', open ? 1 : 0);
  if (states !== undefined && states.length > 0) query = query.where('state', 'in', [...states]);
  if (runbook !== undefined) query = query.where('runbook', '=', runbook);
  if (severity !== undefined) query = query.where('severity', '=', severity);
  if (site !== undefined) query = query.where('site', '=', site);
  if (assignee !== undefined) query = query.where('assignee', '=', assignee);
  if (after !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('opened_at', '<', after.at),
        eb.and([eb('opened_at', '=', after.at), eb('id', '<', after.id)]),
      ]),
    );
  }
  const rows = await query.orderBy('opened_at', 'desc').orderBy('id', 'desc').limit(search.limit).execute();
  return rows.map(toIncidentRecord);
}

/**
 * Which changed at `since` or later, and after `after`; in the order of their change, `at`. Every change is an
 * event, so the events' index by time finds them.
 */
export async function changedIncidents(
  db: Reader,
  { since, after, limit }: { since: number; after?: IncidentPlace | undefined; limit: number },
): Promise<(IncidentPlace & { readonly seq: number })[]> {
  let query = db
    .selectFrom('incidents')
    .select(['id', 'seq', 'updated_at as at'])
    .where('id', 'in', db.selectFrom('events').select('incident').where('at', '>=', since))
    .where('updated_at', '>=', since);
  if (after !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('updated_at', '>', after.at),
        eb.and([eb('updated_at', '=', after.at), eb('id', '>', after.id)]),
      ]),
    );
  }
  return query.orderBy('updated_at').orderBy('id').limit(limit).execute();
}

/** The number of each incident's last event, of those that exist. */
export async function lastEventNumbers(db: Reader, ids: readonly string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('incidents')
    .select(['id', 'seq'])
    .where('id', 'in', [...ids])
    .execute();
  return new Map(rows.map(({ id, seq }) => [id, seq]));
}
