/** `allclear run`: takes one runbook, or an incident that is under way, to all clear. */
import {
  type Ending,
  historyEntry,
  type IncidentTimes,
  type Journal,
  type Lease,
  labelEnv,
  type Operator,
  openIncident,
  openJournal,
  type Policy,
  type Reading,
  type Respond,
  type Responded,
  type Round,
  readTimeline,
  respond,
  type Surroundings,
  sweepLeases,
  type TimelineEvent,
  timesOf,
} from '../engine/index.ts';
import { AllclearError, systemClock } from '../kernel/index.ts';
import { parseRunbook, type Runbook } from '../runbook/index.ts';
import {
  findRunbookVersion,
  type IncidentRecord,
  listEvents,
  runbookHash,
  type Store,
} from '../store/index.ts';
import { leversOf } from './guard-levers.ts';
import { locateHome, openHomeStore, workerName } from './home.ts';
import { resolveIncident } from './incidents.ts';
import { readRunbook } from './read-runbooks.ts';
import { proposeUpdate, type RunbookUpdate } from './runbook-update.ts';
import { openSurroundings, type SurroundingsOptions } from './surroundings.ts';

export interface RunOptions extends SurroundingsOptions {
  /** The runbook's path as given; null with an incident whose runbook the store has. */
  readonly file: string | null;
  /** An incident to go on with, by id or the beginning of one; undefined opens a new one. */
  readonly incident?: string;
  readonly actor: string;
  readonly policy: Policy;
  readonly lease?: Lease;
  /** Seconds to verify for when the checks do not say. */
  readonly within?: number;
  /** Write the History entry into the runbook itself. */
  readonly write: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly view: RunView;
  /** Made once it is known what is worked on. */
  operator(about: RunAbout): Operator;
}

/** What is worked on. */
export interface RunAbout {
  readonly runbook: Runbook;
  readonly incident: string;
  /** True when the incident was opened earlier. */
  readonly resumed: boolean;
  /** True when the file has another text than the one the incident began with, which is used. */
  readonly changedSince: boolean;
}

/** Told what happens; events only once they are durable. */
export interface RunView {
  readonly begin: (about: RunAbout) => void;
  readonly event: (event: TimelineEvent) => void;
  readonly reading: (reading: Reading) => void;
  readonly output: (text: string) => void;
  readonly round: (round: Round) => void;
  readonly notice: (text: string) => void;
}

export interface RunResult {
  readonly runbook: string;
  readonly incident: string;
  readonly ended: Ending;
  readonly why: string;
  readonly responded: Responded;
  readonly times: IncidentTimes;
  /** Null while the incident goes on. */
  readonly update: RunbookUpdate | null;
}

/**
 * Errors: those of reading the runbook, of the store, and of `respond`. After any of them the incident
 * can be taken up again.
 */
export async function runRunbook(options: RunOptions): Promise<RunResult> {
  const home = locateHome(options.env, options.cwd);
  const given = options.file === null ? null : await readRunbook(options.file, options.cwd);
  const context = { env: options.env, cwd: options.cwd, progress: options.view.notice };
  const opened = await openSurroundings(options, context);
  let store: Store | undefined;
  try {
    // A parameter without a value is an error before anything is opened.
    if (given) opened.forRunbook(given);
    store = await openHomeStore(home);
    await sweepLeases(store, options.actor);
    const { runbook, record } = await takeUp(store, given, options);
    const about = aboutOf(runbook, record, given, options.incident !== undefined);
    options.view.begin(about);
    const surroundings = withIncident(opened.forRunbook(runbook), record, options.actor);
    const { actor, view } = options;
    const journal = openJournal({ store, incident: record.id, actor, onEvent: view.event });
    const responded = await respond(await respondWith(options, about, surroundings, journal));
    const events = readTimeline(await listEvents(store.db, record.id));
    const over = responded.ended === 'resolved' || responded.ended === 'escalated';
    const entry = historyEntry(record.id, runbook.steps, events);
    return {
      runbook: runbook.id,
      incident: record.id,
      ended: responded.ended,
      why: responded.why,
      responded,
      times: timesOf(events),
      update: over
        ? await proposeUpdate({
            home,
            given,
            runbook,
            incident: record.id,
            entry,
            write: options.write,
            cwd: options.cwd,
          })
        : null,
    };
  } finally {
    await opened.close();
    await store?.close();
  }
}

/** A new incident for the given runbook, or an earlier one with the runbook it began with. */
async function takeUp(
  store: Store,
  given: Runbook | null,
  options: RunOptions,
): Promise<{ runbook: Runbook; record: IncidentRecord }> {
  if (options.incident !== undefined) {
    const record = await resolveIncident(store, options.incident);
    return { record, runbook: await runbookOf(store, record, given) };
  }
  if (!given)
    throw new AllclearError('E_USAGE', {
      what: 'there is nothing to run',
      next: 'Name a runbook or --incident ID.',
    });
  const id = await store.write((tx) =>
    openIncident(
      tx,
      {
        runbook: given.id,
        version: { file: given.file, source: given.source },
        title: given.title,
        severity: given.frontMatter.severity,
        labels: labelsOf(options.label ?? []),
        joinKey: null,
      },
      options.actor,
      systemClock,
    ),
  );
  return { runbook: given, record: await resolveIncident(store, id) };
}

async function runbookOf(store: Store, record: IncidentRecord, given: Runbook | null): Promise<Runbook> {
  if (given && given.id !== record.runbook) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `incident ${record.id} is about the runbook "${record.runbook || 'none'}", not "${given.id}"`,
      next: `Leave the file out, or run it without --incident.`,
    });
  }
  const version = record.runbookHash === null ? null : await findRunbookVersion(store.db, record.runbookHash);
  if (version) return parseRunbook(version.source, version.file);
  throw new AllclearError('E_NOT_FOUND', {
    what: `incident ${record.id} has no runbook`,
    next: 'Run the fitting runbook without --incident, and close this one.',
  });
}

function aboutOf(
  runbook: Runbook,
  record: IncidentRecord,
  given: Runbook | null,
  resumed: boolean,
): RunAbout {
  const changedSince = given !== null && runbookHash(given.source) !== record.runbookHash;
  return { runbook, incident: record.id, resumed, changedSince };
}

/** What the commands of this incident see: its labels, its id, and who acts. */
function withIncident(surroundings: Surroundings, record: IncidentRecord, actor: string): Surroundings {
  const env = {
    ...labelEnv(record.labels),
    ...surroundings.env,
    ALLCLEAR_INCIDENT: record.id,
    ALLCLEAR_ACTOR: actor,
  };
  return { ...surroundings, env };
}

function labelsOf(assignments: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    assignments.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]),
  );
}

async function respondWith(
  options: RunOptions,
  about: RunAbout,
  surroundings: Surroundings,
  journal: Journal,
): Promise<Respond> {
  const { view, policy, lease, signal, within } = options;
  return {
    runbook: about.runbook,
    journal,
    operator: options.operator(about),
    surroundings,
    levers: await leversOf(options.env),
    policy,
    worker: workerName(),
    lease,
    signal,
    onReading: view.reading,
    onOutput: ({ text }) => view.output(text),
    verifying: { within, onRound: view.round },
  };
}
