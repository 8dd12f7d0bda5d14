import { type Chain, GENESIS, isKeyed } from './chain.ts';
import type { Reader } from './database.ts';
import { eventLine, toEventRecord } from './events.ts';
import type { Findings } from './findings.ts';
import { toIncidentRecord } from './incidents.ts';
import { fromJson } from './json.ts';
import type { Replay, Replaying } from './replay.ts';
import type { EventRow, IncidentRow } from './schema.ts';

const INCIDENTS = 200;
const EVENTS = 500;

interface IncidentCheck {
  readonly chain: Chain;
  readonly findings: Findings;
  readonly replay?: Replay | undefined;
  /** See `CheckedLedger`. */
  readonly keyLine: number | null;
}

/** Goes through every incident and its time line. @returns how many there were */
export async function checkIncidents(
  db: Reader,
  check: IncidentCheck,
): Promise<{ count: number; events: number }> {
  let count = 0;
  let events = 0;
  for (let last = ''; ; ) {
    const page = await db
      .selectFrom('incidents')
      .selectAll()
      .where('id', '>', last)
      .orderBy('id')
      .limit(INCIDENTS)
      .execute();
    const told = await toldOf(
      db,
      page.map(({ id }) => id),
    );
    for (const incident of page) {
      events += await checkIncident(db, incident, told.get(incident.id) ?? [], check);
      last = incident.id;
    }
    count += page.length;
    if (page.length < INCIDENTS) break;
  }
  await checkOrphans(db, check.findings);
  return { count, events };
}

/** A line of the ledger about an incident: that it was opened, or where its time line ended. */
interface Told {
  readonly n: number;
  readonly kind: string;
  readonly seq: number | null;
  readonly hash: string | null;
}

async function toldOf(db: Reader, incidents: readonly string[]): Promise<Map<string, Told[]>> {
  const told = new Map<string, Told[]>();
  if (incidents.length === 0) return told;
  const rows = await db
    .selectFrom('ledger')
    .select(['n', 'kind', 'incident', 'data'])
    .where('incident', 'in', incidents)
    .orderBy('n')
    .execute();
  for (const { n, kind, incident, data } of rows) {
    const list = told.get(incident!) ?? [];
    told.set(incident!, list);
    list.push({ n, kind, ...endOf(data) });
  }
  return told;
}

function endOf(data: string): { seq: number | null; hash: string | null } {
  const { seq, hash } = (readJson(data) ?? {}) as { seq?: unknown; hash?: unknown };
  return { seq: typeof seq === 'number' ? seq : null, hash: typeof hash === 'string' ? hash : null };
}

/** @returns how many events it has */
async function checkIncident(
  db: Reader,
  row: IncidentRow,
  told: readonly Told[],
  check: IncidentCheck,
): Promise<number> {
  const { findings, replay } = check;
  const line = new TimeLine(row.id, told, check, replay?.());
  for (;;) {
    const page = await eventsAfter(db, row.id, line.count === 0 ? null : line.seq);
    for (const event of page) line.check(event);
    if (page.length < EVENTS) break;
  }
  line.end(row);
  if (!told.some(({ kind }) => kind === 'incident-opened' || kind === 'head')) {
    findings.add(row.id, null, 'the ledger does not tell that it was opened');
  }
  return line.count;
}

function eventsAfter(db: Reader, incident: string, seq: number | null): Promise<EventRow[]> {
  let query = db
    .selectFrom('events')
    .selectAll()
    .where('incident', '=', incident)
    .orderBy('seq')
    .limit(EVENTS);
  if (seq !== null) query = query.where('seq', '>', seq);
  return query.execute();
}

/** One time line, event by event. */
class TimeLine {
  readonly #incident: string;
  readonly #check: IncidentCheck;
  readonly #replaying: Replaying | undefined;
  /** Hashes that the ledger tells, by the event's number. */
  readonly #told = new Map<number, string | null>();
  /** From this event on hashes are made with the key. */
  readonly #keyedFrom: number;
  #hash = GENESIS;
  #impossible = false;
  seq = 0;
  count = 0;

  constructor(
    incident: string,
    told: readonly Told[],
    check: IncidentCheck,
    replaying: Replaying | undefined,
  ) {
    this.#incident = incident;
    this.#check = check;
    this.#replaying = replaying;
    for (const { seq, hash } of told) if (seq !== null) this.#told.set(seq, hash);
    this.#keyedFrom = keyedFrom(told, check.keyLine);
  }

  check(row: EventRow): void {
    const { chain } = this.#check;
    if (row.seq !== this.seq + 1) this.#find(row.seq, missing(this.seq + 1, row.seq - 1));
    else if (row.prev_hash !== this.#hash) this.#find(row.seq, 'does not follow the event before it');
    if (!chain.holds(row.hash, eventLine(row))) this.#find(row.seq, 'has been changed');
    if (row.seq >= this.#keyedFrom && !isKeyed(row.hash)) this.#find(row.seq, 'was made without the key');
    const told = this.#told.get(row.seq);
    if (told !== undefined && told !== row.hash)
      this.#find(row.seq, 'is not the one that the ledger tells of');
    this.#replay(row);
    this.seq = row.seq;
    this.#hash = row.hash;
    this.count += 1;
  }

  /** After the last event: the row must say the same end, and the state that the events lead to. */
  end(row: IncidentRow): void {
    if (row.seq !== this.seq || row.head_hash !== this.#hash) {
      this.#find(this.seq, `is the last event, and the incident's last should be ${row.seq}`);
    }
    const told = Math.max(0, ...this.#told.keys());
    if (told > this.seq) this.#find(this.seq, `is the last event, and the ledger tells of event ${told}`);
    if (this.#impossible || !this.#replaying) return;
    const differs = attempt(() => this.#replaying!.differs(toIncidentRecord(row)));
    if (differs !== null) this.#find(null, differs);
  }

  #replay(row: EventRow): void {
    if (!this.#replaying || this.#impossible) return;
    const wrong = attempt(() => {
      this.#replaying!.see(toEventRecord(row));
      return null;
    });
    if (wrong === null) return;
    // One reason is enough: all that follows would be said to be impossible too.
    this.#impossible = true;
    this.#find(row.seq, wrong);
  }

  #find(seq: number | null, what: string): void {
    this.#check.findings.add(this.#incident, seq, what);
  }
}

/** Opened after the key was taken: all of them; before: those after the end that the ledger told then. */
function keyedFrom(told: readonly Told[], keyLine: number | null): number {
  if (keyLine === null) return Number.POSITIVE_INFINITY;
  const bound = told.find(({ n, kind }) => n > keyLine && kind === 'head');
  const before = told.some(({ n, kind }) => n < keyLine && (kind === 'incident-opened' || kind === 'head'));
  return before && bound?.seq !== undefined && bound.seq !== null ? bound.seq + 1 : 1;
}

function missing(from: number, to: number): string {
  if (to < from) return 'is out of order';
  return from === to ? `event ${from} before it is missing` : `events ${from} to ${to} before it are missing`;
}

/** What went wrong, in words. */
function attempt(work: () => string | null): string | null {
  try {
    return work();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function readJson(text: string): unknown {
  try {
    return fromJson(text);
  } catch {
    return null;
  }
}

/** Events of incidents that are not there. */
async function checkOrphans(db: Reader, findings: Findings): Promise<void> {
  const orphans = await db
    .selectFrom('events')
    .select('incident')
    .distinct()
    .where((eb) =>
      eb.not(
        eb.exists(eb.selectFrom('incidents').select('id').whereRef('incidents.id', '=', 'events.incident')),
      ),
    )
    .limit(EVENTS)
    .execute();
  for (const { incident } of orphans)
    findings.add(incident, null, 'there are events of an incident that is not there');
}
