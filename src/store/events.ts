import { AllclearError } from '../kernel/index.ts';
import type { Chain } from './chain.ts';
import type { Reader, Writer } from './database.ts';
import { changeHeld, hold } from './held.ts';
import { fromJson, toJson } from './json.ts';
import { type Columns, insertRows, oneOf } from './row-set.ts';
import type { EventRow, IncidentRow } from './schema.ts';
import { storable } from './storable.ts';
import { type Gathered, gatheredBy, gatheredIn } from './transaction.ts';

/** Events of one incident; past it only a new incident can go on. */
export const MAX_EVENTS = 20_000;

const COLUMNS: Columns<EventRow> = {
  incident: 'text',
  seq: 'integer',
  at: 'bigint',
  actor: 'text',
  kind: 'text',
  data: 'text',
  prev_hash: 'text',
  hash: 'text',
};

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
  /** See chain.ts. */
  readonly hash: string;
}

/** What an event says, without its place in the chain. */
export type SaidEvent = Omit<EventRecord, 'prevHash' | 'hash'>;

export interface NewEvent {
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly data: unknown;
}

/**
 * Appends one event and moves the chain's head, within the caller's transaction.
 * Errors: as `appendEvents`.
 */
export async function appendEvent(tx: Writer, incident: string, event: NewEvent): Promise<EventRecord> {
  const [record] = await appendEvents(tx, [{ incident, event }]);
  return record!;
}

/**
 * Appends events to any number of time lines with few statements. The incidents are held, in the order of their ids,
 * until the transaction ends.
 * @returns the records, in the order given
 * @throws `E_NOT_FOUND` without such an incident, `E_LIMIT` when a time line is full (only its end still fits): then
 *   nothing is appended
 */
export async function appendEvents(
  tx: Writer,
  additions: readonly { readonly incident: string; readonly event: NewEvent }[],
): Promise<EventRecord[]> {
  const { chain, events } = gatheredIn(tx);
  const held = await hold(
    tx,
    additions.map(({ incident }) => incident),
  );
  // Nothing is moved before all of them fit.
  const moving = new Map<string, Head>();
  const rows: EventRow[] = [];
  for (const { incident, event } of additions) {
    const head = moving.get(incident) ?? held.get(incident);
    if (!head) throw new AllclearError('E_NOT_FOUND', { what: `no incident ${incident}` });
    refuseBeyondLimit(incident, head.seq, event.kind);
    const row = nextRow(incident, head, event, chain);
    moving.set(incident, { seq: row.seq, head_hash: row.hash, updated_at: row.at });
    rows.push(row);
  }
  events.push(...rows);
  for (const [incident, head] of moving) changeHeld(tx, incident, head);
  return rows.map(toEventRecord);
}

/** Where a time line ends. */
type Head = Pick<IncidentRow, 'seq' | 'head_hash' | 'updated_at'>;

/** Writes the events that the transaction has gathered. */
export async function writeEvents(tx: Writer, { events }: Gathered): Promise<void> {
  await insertRows(tx, 'events', COLUMNS, events);
  events.length = 0;
}

/** A transaction reads what it has written before. */
async function writeEventsOf(db: Reader): Promise<void> {
  const gathered = gatheredBy(db);
  if (gathered) await writeEvents(db as Writer, gathered);
}

/** Whatever has filled the time line, its incident can still be ended. */
function refuseBeyondLimit(incident: string, seq: number, kind: string): void {
  if (seq < MAX_EVENTS || kind === 'closed') return;
  throw new AllclearError('E_LIMIT', {
    what: `incident ${incident} has ${MAX_EVENTS} events, its limit`,
    next: 'Close it; the next alert or run opens a new one.',
  });
}

function nextRow(incident: string, head: Head, event: NewEvent, chain: Chain): EventRow {
  const row = {
    incident,
    seq: head.seq + 1,
    at: event.at,
    actor: storable(event.actor),
    kind: storable(event.kind),
    data: toJson(event.data),
    prev_hash: head.head_hash,
  };
  return { ...row, hash: chain.hash(eventLine(row)) };
}

/** The last event of a kind; null when there is none. */
export async function lastEvent(db: Reader, incident: string, kind: string): Promise<EventRecord | null> {
  await writeEventsOf(db);
  const row = await db
    .selectFrom('events')
    .selectAll()
    .where('incident', '=', incident)
    .where('kind', '=', kind)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ? toEventRecord(row) : null;
}

/** In order; `after` skips what a reader has seen, `without` kinds it does not need. */
export async function listEvents(
  db: Reader,
  incident: string,
  options: { after?: number; limit?: number; without?: readonly string[] } = {},
): Promise<EventRecord[]> {
  await writeEventsOf(db);
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
  return rows.map(toEventRecord);
}

/** The time lines of several incidents, each in order; `without` kinds that are not needed. */
export async function listEventsOfAll(
  db: Reader,
  incidents: readonly string[],
  { without }: { without: readonly string[] },
): Promise<ReadonlyMap<string, SaidEvent[]>> {
  const found = new Map<string, SaidEvent[]>(incidents.map((incident) => [incident, []]));
  if (incidents.length === 0) return found;
  const rows = await db
    .selectFrom('events')
    .select(['incident', 'seq', 'at', 'actor', 'kind', 'data'])
    .where(oneOf(db, 'incident', incidents))
    .where('kind', 'not in', without)
    .orderBy('incident')
    .orderBy('seq')
    .execute();
  const gathered = gatheredBy(db)?.events ?? [];
  const more = gathered.filter(({ kind }) => !without.includes(kind));
  for (const { incident, seq, at, actor, kind, data } of [...rows, ...more])
    found.get(incident)?.push({ incident, seq, at, actor, kind, data: fromJson(data) });
  return found;
}

/** Everything an event says, in the order in which it is hashed. */
export function eventLine(row: Omit<EventRow, 'hash'>): unknown[] {
  return [row.prev_hash, row.incident, row.seq, row.at, row.actor, row.kind, row.data];
}

export function toEventRecord(row: EventRow): EventRecord {
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
