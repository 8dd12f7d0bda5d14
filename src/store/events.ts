import { createHash } from 'node:crypto';
import { AllclearError } from '../kernel/index.ts';
import { forUpdate, type Reader, type Writer } from './database.ts';
import { fromJson, toJson } from './json.ts';
import type { EventRow } from './schema.ts';

/** What the first event of an incident is chained to. */
export const GENESIS = '0'.repeat(64);

/** Events of one incident; past it only a new incident can go on. */
export const MAX_EVENTS = 20_000;

/** Events in one statement. */
const ROWS = 500;

/** One line of an incident's time line. */
export interface EventRecord {
  readonly incident: string;
  /** From 1, without gaps. */
  readonly seq: number;
  /** Epoch ms. */
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly data: unknown;
  readonly prevHash: string;
  /** See `eventHash`. */
  readonly hash: string;
}

export interface NewEvent {
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly data: unknown;
}

/**
 * Appends one event and moves the chain's head, within the caller's transaction.
 * @throws `E_NOT_FOUND` without such an incident, `E_LIMIT` when the time line is full
 */
export async function appendEvent(tx: Writer, incident: string, event: NewEvent): Promise<EventRecord> {
  const [record] = await appendEvents(tx, incident, [event]);
  return record!;
}

/** Appends several events in order, with as many statements as for one. Errors: as `appendEvent`. */
export async function appendEvents(
  tx: Writer,
  incident: string,
  events: readonly NewEvent[],
): Promise<EventRecord[]> {
  const last = events.at(-1);
  if (!last) return [];
  const query = tx.selectFrom('incidents').select(['seq', 'head_hash']).where('id', '=', incident);
  const head = await forUpdate(tx, query).executeTakeFirst();
  if (!head) throw new AllclearError('E_NOT_FOUND', { what: `no incident ${incident}` });
  if (head.seq + events.length > MAX_EVENTS) {
    throw new AllclearError('E_LIMIT', {
      what: `incident ${incident} has ${MAX_EVENTS} events, its limit`,
      next: 'Close it; the next alert or run opens a new one.',
    });
  }
  const rows = chained(incident, head, events);
  for (let from = 0; from < rows.length; from += ROWS) {
    await tx
      .insertInto('events')
      .values(rows.slice(from, from + ROWS))
      .execute();
  }
  const { seq, hash } = rows.at(-1)!;
  await tx
    .updateTable('incidents')
    .set({ seq, head_hash: hash, updated_at: last.at })
    .where('id', '=', incident)
    .execute();
  return rows.map(toRecord);
}

/** The events as rows, each with the hash of the one before. */
function chained(
  incident: string,
  head: { readonly seq: number; readonly head_hash: string },
  events: readonly NewEvent[],
): EventRow[] {
  const rows: EventRow[] = [];
  let previous = head.head_hash;
  for (const { at, actor, kind, data } of events) {
    const seq = head.seq + rows.length + 1;
    const row = { incident, seq, at, actor, kind, data: toJson(data), prev_hash: previous };
    previous = eventHash(row);
    rows.push({ ...row, hash: previous });
  }
  return rows;
}

/** The last event of a kind; null when there is none. */
export async function lastEvent(db: Reader, incident: string, kind: string): Promise<EventRecord | null> {
  const row = await db
    .selectFrom('events')
    .selectAll()
    .where('incident', '=', incident)
    .where('kind', '=', kind)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ? toRecord(row) : null;
}

/** In order; `after` skips what a reader has seen, `without` kinds it does not need. */
export async function listEvents(
  db: Reader,
  incident: string,
  options: { after?: number; limit?: number; without?: readonly string[] } = {},
): Promise<EventRecord[]> {
  let query = db
    .selectFrom('events')
    .selectAll()
    .where('incident', '=', incident)
    .where('seq', '>', options.after ?? 0);
  if (options.without) query = query.where('kind', 'not in', [...options.without]);
  const rows = await query
    .orderBy('seq')
    .limit(options.limit ?? MAX_EVENTS)
    .execute();
  return rows.map(toRecord);
}

/** The time lines of several incidents, each in order; `without` kinds that are not needed. */
export async function listEventsOfAll(
  db: Reader,
  incidents: readonly string[],
  { without }: { without: readonly string[] },
): Promise<ReadonlyMap<string, EventRecord[]>> {
  const found = new Map<string, EventRecord[]>(incidents.map((incident) => [incident, []]));
  if (incidents.length === 0) return found;
  const rows = await db
    .selectFrom('events')
    .selectAll()
    .where('incident', 'in', incidents)
    .where('kind', 'not in', without)
    .orderBy('incident')
    .orderBy('seq')
    .execute();
  for (const row of rows) found.get(row.incident)?.push(toRecord(row));
  return found;
}

/** SHA-256 over the previous hash and everything the event says, so that any later change shows. */
export function eventHash(row: Omit<EventRow, 'hash'>): string {
  const said = JSON.stringify([row.prev_hash, row.incident, row.seq, row.at, row.actor, row.kind, row.data]);
  return createHash('sha256').update(said).digest('hex');
}

function toRecord(row: EventRow): EventRecord {
  return {
    incident: row.incident,
    seq: row.seq,
    at: row.at,
    actor: row.actor,
    kind: row.kind,
    data: fromJson(row.data),
    prevHash: row.prev_hash,
    hash: row.hash,
  };
}
