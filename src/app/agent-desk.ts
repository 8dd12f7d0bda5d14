/** What agents see and do, on this store and these runbooks. */
import {
  type Actor,
  type Desk,
  describeSandbox,
  diagnose,
  eventText,
  incidentEnv,
  keptRunbook,
  perform,
  readTimeline,
  requireRole,
  type Surroundings,
  summarize,
  viewIncident,
} from '../engine/index.ts';
import { AllclearError } from '../kernel/index.ts';
import { type Runbook, searchRunbooks, summaryOf } from '../runbook/index.ts';
import type { AgentDesk, Diagnosis, DiagnosisWish, RunbookCard, TimelineLine } from '../server/index.ts';
import { findIncident, type IncidentRecord, listEvents, searchIncidents } from '../store/index.ts';

/** Diagnoses of agents at once: incidents come first. */
const AT_ONCE = 2;
/** Milliseconds that one may take; every check has a time-out of its own besides. */
const LONGEST_MS = 120_000;
const SUMMARY = 300;

export interface AgentDeskOptions {
  readonly desk: Desk;
  /** What a runbook's checks run with, in the sandbox; without labels and parameters. */
  readonly surroundings: () => Promise<Surroundings>;
  /** Whether commands for this site may run in this process. */
  readonly serves: (site: string) => boolean;
}

export function createAgentDesk(options: AgentDeskOptions): AgentDesk {
  const { desk } = options;
  const { store, library } = desk;
  const cards = new Cards();
  const gate = new Gate(AT_ONCE);
  return {
    runbooks: () => cards.of(library.list()),
    searchRunbooks: (query, limit) => searchRunbooks(library.list(), query, limit).map(cardOf),
    readRunbook: (id) => {
      const { id: known, title, source } = requireRunbook(desk, id);
      return { id: known, title, text: source };
    },
    listIncidents: async (filter) => (await searchIncidents(store.db, filter)).map(summarize),
    incident: (id) => viewIncident(desk, id),
    timeline: async (id, page) => {
      await requireIncident(desk, id);
      return readTimeline(await listEvents(store.db, id, page)).map(lineOf);
    },
    diagnose: async (actor, wish, signal) => {
      requireRole(actor, 'responder', 'running a diagnosis');
      return gate.pass(() => diagnoseNow(options, wish, signal));
    },
    propose: async (actor, incident, proposal) => {
      await perform(desk, incident, asAgent(actor), { kind: 'propose', ...proposal });
    },
    note: async (actor, incident, text) => {
      await perform(desk, incident, asAgent(actor), { kind: 'note', text });
    },
  };
}

/** Whoever is at this desk is an agent, also when a caller forgets to say so. */
function asAgent(actor: Actor): Actor {
  return { ...actor, via: 'agent' };
}

async function diagnoseNow(
  options: AgentDeskOptions,
  wish: DiagnosisWish,
  signal: AbortSignal,
): Promise<Diagnosis> {
  const { runbook, labels } = await subjectOf(options, wish);
  const base = await options.surroundings();
  const env = { ...base.env, ...incidentEnv(runbook, labels, options.desk.params) };
  const timeout = AbortSignal.timeout(LONGEST_MS);
  try {
    const verdict = await diagnose(runbook, { ...base, env }, { signal: AbortSignal.any([signal, timeout]) });
    return { ...verdict, sandbox: describeSandbox(base.sandbox) };
  } catch (error) {
    if (!timeout.aborted) throw error;
    throw new AllclearError('E_TIMEOUT', {
      what: `the checks of ${runbook.id} took longer than ${LONGEST_MS / 1000} s`,
      next: 'Look at the readings that the incident has already.',
      cause: error,
    });
  }
}

async function subjectOf(
  { desk, serves }: AgentDeskOptions,
  wish: DiagnosisWish,
): Promise<{ runbook: Runbook; labels: Readonly<Record<string, string>> }> {
  if ('runbook' in wish) return { runbook: requireRunbook(desk, wish.runbook), labels: wish.labels };
  const record = await requireIncident(desk, wish.incident);
  const runbook = await keptRunbook(desk.store.db, record);
  if (!runbook) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `no runbook is linked to incident ${record.id}`,
      next: 'Look for one that fits with search_runbooks, and diagnose that.',
    });
  }
  if (!serves(record.site)) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `the checks of incident ${record.id} must run at the site ${record.site}, and this server is not there`,
      next: 'A person can have it diagnosed again there; the readings it has are in get_incident.',
    });
  }
  return { runbook, labels: record.labels };
}

/** @throws AllclearError `E_NOT_FOUND` */
function requireRunbook({ library }: Desk, id: string): Runbook {
  const wanted = id.toLowerCase();
  const found = library.list().find((runbook) => runbook.id.toLowerCase() === wanted);
  if (found) return found;
  throw new AllclearError('E_NOT_FOUND', {
    what: `there is no runbook ${id.slice(0, 200)}`,
    next: 'Look for it with search_runbooks.',
  });
}

/** @throws AllclearError `E_NOT_FOUND` */
async function requireIncident({ store }: Desk, id: string): Promise<IncidentRecord> {
  const record = await findIncident(store.db, id);
  if (record) return record;
  throw new AllclearError('E_NOT_FOUND', {
    what: `there is no incident ${id}`,
    next: 'List them with list_incidents.',
  });
}

function lineOf(event: ReturnType<typeof readTimeline>[number]): TimelineLine {
  const { seq, at, actor, kind } = event;
  return { seq, at, actor, kind, text: eventText(event) };
}

function cardOf(runbook: Runbook): RunbookCard {
  const { id, title, frontMatter } = runbook;
  const { severity, owner, alerts } = frontMatter;
  return { id, title, severity, owner, alerts, summary: summaryOf(runbook, SUMMARY) };
}

/** The same list of cards for the same list of runbooks. */
class Cards {
  #runbooks: readonly Runbook[] | null = null;
  #cards: readonly RunbookCard[] = [];

  of(runbooks: readonly Runbook[]): readonly RunbookCard[] {
    if (runbooks !== this.#runbooks) {
      this.#runbooks = runbooks;
      this.#cards = runbooks.map(cardOf);
    }
    return this.#cards;
  }
}

/** Lets so many in at once, and refuses the others. */
class Gate {
  readonly #room: number;
  #inside = 0;

  constructor(room: number) {
    this.#room = room;
  }

  /** @throws AllclearError `E_OVERLOADED` */
  async pass<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#inside >= this.#room) {
      throw new AllclearError('E_OVERLOADED', {
        what: `${this.#room} diagnoses of agents run already`,
        next: 'Try again in half a minute.',
      });
    }
    this.#inside += 1;
    try {
      return await work();
    } finally {
      this.#inside -= 1;
    }
  }
}
