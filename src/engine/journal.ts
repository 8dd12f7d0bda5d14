import { AllclearError, type Clock, newId } from '../kernel/index.ts';
import {
  appendEvent,
  findIncident,
  type IncidentRecord,
  insertIncident,
  keepRunbookVersion,
  listEvents,
  lockIncident,
  type Store,
  updateIncidentState,
  type Writer,
} from '../store/index.ts';
import { type IncidentMove, type IncidentState, isOver, readState, transition } from './incident.ts';
import { type EventData, type EventKind, readTimeline, type TimelineEvent } from './timeline.ts';

/** One transaction on an incident: what it changes and the events that say so are committed together. */
export interface Page {
  readonly tx: Writer;
  readonly incident: string;
  readonly actor: string;
  /** Epoch ms that everything on this page bears. */
  readonly at: number;
  append<Kind extends EventKind>(kind: Kind, data: EventData<Kind>): Promise<void>;
  /** Moves the incident's state and appends the event of the same name, with `data` beside the move's own. */
  move<Kind extends IncidentMove['kind']>(
    move: Extract<IncidentMove, { kind: Kind }>,
    data: EventData<Kind>,
  ): Promise<IncidentState>;
}

/** The time line of one incident, and the only way to change the incident. */
export interface Journal {
  readonly incident: string;
  readonly actor: string;
  readonly store: Store;
  /** Commits a page durably, then tells the listener its events. */
  commit<T>(work: (page: Page) => Promise<T>): Promise<T>;
  append<Kind extends EventKind>(kind: Kind, data: EventData<Kind>): Promise<void>;
  move<Kind extends IncidentMove['kind']>(
    move: Extract<IncidentMove, { kind: Kind }>,
    data: EventData<Kind>,
  ): Promise<IncidentState>;
  state(): Promise<IncidentState>;
  timeline(): Promise<TimelineEvent[]>;
}

export interface JournalOptions {
  readonly store: Store;
  readonly incident: string;
  /** Who makes the changes. */
  readonly actor: string;
  /** Told every event once it is durable, in order. */
  readonly onEvent?: (event: TimelineEvent) => void;
}

export function openJournal(options: JournalOptions): Journal {
  const { store, incident, actor, onEvent } = options;

  async function commit<T>(work: (page: Page) => Promise<T>): Promise<T> {
    const { result, written } = await store.write(async (tx) => {
      const events: TimelineEvent[] = [];
      const note = (event: TimelineEvent) => events.push(event);
      return {
        result: await work(openPage(tx, { incident, actor, at: store.now(), note })),
        written: events,
      };
    });
    for (const event of written) onEvent?.(event);
    return result;
  }

  return {
    incident,
    actor,
    store,
    commit,
    append: (kind, data) => commit((page) => page.append(kind, data)),
    move: (move, data) => commit((page) => page.move(move, data)),
    state: async () => readState((await requireIncident(store, incident)).snapshot, incident),
    timeline: async () => readTimeline(await listEvents(store.db, incident)),
  };
}

export interface PageOptions {
  readonly incident: string;
  readonly actor: string;
  /** Epoch ms. */
  readonly at: number;
  /** Told every event as it is written; it is durable once the transaction is. */
  readonly note?: (event: TimelineEvent) => void;
}

/** A page within the caller's transaction. */
export function openPage(tx: Writer, { incident, actor, at, note }: PageOptions): Page {
  const append: Page['append'] = async (kind, data) => {
    const record = await appendEvent(tx, incident, { at, actor, kind, data });
    note?.({ kind, seq: record.seq, at, actor, data } as TimelineEvent);
  };
  return {
    tx,
    incident,
    actor,
    at,
    append,
    move: async (move, data) => {
      const record = await lockIncident(tx, incident);
      if (!record) throw noIncident(incident);
      const next = transition(readState(record.snapshot, incident), move);
      await updateIncidentState(tx, incident, { state: next.state, snapshot: next, open: !isOver(next), at });
      await append(move.kind, data);
      return next;
    },
  };
}

export interface Opening {
  /** The runbook's id; empty when none is linked. */
  readonly runbook: string;
  /** The version it begins with; null when none is linked. */
  readonly version: { readonly file: string; readonly source: string } | null;
  readonly title: string;
  readonly severity: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** What joins further alerts to it. */
  readonly joinKey: string | null;
  /** Where its commands must run; default anywhere. */
  readonly site?: string;
}

/** Opens an incident within the caller's transaction; its first event says what it is about. */
export async function openIncident(
  tx: Writer,
  opening: Opening,
  actor: string,
  clock: Clock,
): Promise<string> {
  const at = clock.now();
  const id = newId('inc', clock);
  const { version } = opening;
  await insertIncident(tx, {
    id,
    runbook: opening.runbook,
    runbookHash: version && (await keepRunbookVersion(tx, version, at)),
    title: opening.title,
    severity: opening.severity,
    state: 'open',
    snapshot: { state: 'open' } satisfies IncidentState,
    labels: opening.labels,
    joinKey: opening.joinKey,
    ...(opening.site === undefined ? {} : { site: opening.site }),
    at,
  });
  const data: EventData<'opened'> = {
    runbook: opening.runbook,
    file: version?.file ?? null,
    title: opening.title,
  };
  await appendEvent(tx, id, { at, actor, kind: 'opened' satisfies EventKind, data });
  return id;
}

/** @throws `E_NOT_FOUND` */
async function requireIncident(store: Store, id: string): Promise<IncidentRecord> {
  const record = await findIncident(store.db, id);
  if (!record) throw noIncident(id);
  return record;
}

export function noIncident(id: string): AllclearError {
  return new AllclearError('E_NOT_FOUND', {
    what: `there is no incident ${id}`,
    next: 'List them with `allclear incidents`.',
  });
}
