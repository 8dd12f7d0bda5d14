/** Puts a drill together: the lab, the watch over it, the store, the way of an alert into an incident. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyEntry, openJournal, type Surroundings, type TimelineEvent } from '../engine/index.ts';
import { GuardLevers } from '../guard/index.ts';
import { receive } from '../intake/index.ts';
import { AllclearError, newId, systemClock } from '../kernel/index.ts';
import {
  connectFleet,
  type DrillEvent,
  type DrillResult,
  drill,
  type Findings,
  type GuardPlace,
  Lab,
  type LabAccess,
  type Scene,
  showFleet,
  startWatch,
  type UntreatedResult,
  watchUntreated,
} from '../lab/index.ts';
import { type Alert, parseRuleFile, type RuleGroup } from '../metrics/index.ts';
import type { Runbook } from '../runbook/index.ts';
import type { Store } from '../store/index.ts';
import { commandEnv, MAIN_PROGRAM } from './command-env.ts';
import { chooseAddresses } from './drill-addresses.ts';
import { type Failure, type FailureSettings, failureNamed, failureNames } from './drill-failures.ts';
import { type Home, locateHome, openHomeStore, workerName, writeHomeFile } from './home.ts';
import { paramEnv } from './param-env.ts';
import { readRunbook } from './read-runbooks.ts';
import { proposeUpdate } from './runbook-update.ts';

const LIBRARY = fileURLToPath(new URL('../../runbooks', import.meta.url));
const SAMPLE_SECONDS = 3;

export interface DrillRequest {
  /** A failure mode: the name of a shipped runbook. */
  readonly failure: string;
  /** Null: as many as the failure takes by default. */
  readonly clients: number | null;
  readonly settings: FailureSettings;
  /** `host:port`; unset, the usual ports or free ones. */
  readonly listen?: string;
  readonly admin?: string;
  /** Leave the lab up afterwards, until the signal. */
  readonly keep: boolean;
  /** Inject the failure, and leave the rest to whoever is at another terminal. */
  readonly practice: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly onEvent: (event: DrillEvent) => void;
}

/**
 * Runs the rehearsal, or with `practice` only the failure (the result is then null).
 * @param request.onResult is told the result before the lab is kept up
 * Errors: `E_NOT_FOUND` for an unknown failure, `E_PORT_IN_USE`, `E_CHILD_ENDED`, `E_CANCELLED`.
 */
export async function runDrill(
  request: DrillRequest & { readonly onResult: (result: DrillResult) => void },
): Promise<DrillResult | null> {
  const failure = failureNamed(request.failure);
  const runbook = await shippedRunbook(request.failure);
  const guard: GuardPlace = {
    command: [process.execPath, MAIN_PROGRAM, 'guard'],
    token: randomBytes(18).toString('base64url'),
    ...(await chooseAddresses(request)),
  };
  return inLab(request, failure, guard, async (lab, scene) => {
    if (request.practice) {
      await practise(request, scene, lab);
      return null;
    }
    const result = await rehearse(request, scene, runbook, lab);
    request.onResult(result);
    if (request.keep) await keepUp(request, scene, lab);
    return result;
  });
}

/** The same failure with no guard: nobody does anything, and it is watched for so long. */
export function runUntreated(
  request: DrillRequest & { readonly observeSeconds: number },
): Promise<UntreatedResult> {
  return inLab(request, failureNamed(request.failure), null, (lab, scene) =>
    watchUntreated({
      runbook: request.failure,
      scene,
      observeSeconds: request.observeSeconds,
      clock: systemClock,
      signal: lab.signal,
      onEvent: request.onEvent,
    }),
  );
}

/** Stages the failure in a lab of its own, and stops everything afterwards, whatever happened. */
async function inLab<T>(
  request: DrillRequest,
  failure: Failure,
  guard: GuardPlace | null,
  work: (lab: Lab, scene: Scene) => Promise<T>,
): Promise<T> {
  const { settings, signal, onEvent } = request;
  const clients = request.clients ?? failure.clients;
  const setting = `${clients.toLocaleString('en-US')} MCP clients, ${failure.setting(settings)}`;
  onEvent({ kind: 'starting', failure: request.failure, setting });
  const lab = new Lab({ clock: systemClock, signal });
  try {
    const scene = await failure.stage(lab, { clients, guard }, settings);
    const { access, parts, words, notice } = scene;
    onEvent({
      kind: 'lab',
      parts,
      words,
      guard: access && { listen: access.listen, admin: access.admin },
      notice,
    });
    return await work(lab, scene);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new AllclearError('E_CANCELLED', {
      what: 'the drill was stopped before its end',
      next: 'Everything it had started is stopped. What was recorded until then: allclear incidents',
      cause: error,
    });
  } finally {
    await lab.stop();
    if (request.keep || request.practice) onEvent({ kind: 'stopped' });
  }
}

async function rehearse(
  request: DrillRequest,
  scene: Scene,
  runbook: Runbook,
  lab: Lab,
): Promise<DrillResult> {
  const home = locateHome(request.env, request.cwd);
  // Not a part of the lab: when the lab is stopped, the store must still take down that it was.
  const store = await openHomeStore(home);
  const id = newId('drill', systemClock);
  try {
    const findings = await rehearseWith(request, { scene, runbook, lab, home, store, id });
    const result: DrillResult = { ...findings, record: join(home.folder, 'drills', `${id}.json`) };
    await writeHomeFile(result.record, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await store.close();
  }
}

interface Rehearsal {
  readonly scene: Scene;
  readonly runbook: Runbook;
  readonly lab: Lab;
  readonly home: Home;
  readonly store: Store;
  readonly id: string;
}

async function rehearseWith(request: DrillRequest, rehearsal: Rehearsal): Promise<Findings> {
  const { scene, runbook, lab, store, id } = rehearsal;
  const others = await Promise.all(
    failureNames.filter((name) => name !== request.failure).map((name) => shippedRunbook(name)),
  );
  const access = requireAccess(scene);
  const watch = startWatch({ targets: scene.targets, groups: await shippedRules(), clock: systemClock });
  lab.add(watch);
  return drill({
    runbook,
    others,
    scene,
    watch,
    surroundings: surroundingsOf(request, access, { runbook, others, metrics: watch.source }),
    levers: new GuardLevers(`http://${access.admin}`, access.token),
    receive: (alert, onEvent) => openFor(store, runbook, alert, id, onEvent),
    propose: (incident) => propose(rehearsal, incident, request.cwd),
    worker: workerName(),
    clock: systemClock,
    signal: lab.signal,
    onEvent: request.onEvent,
  });
}

/** Each drill is an incident of its own: it never joins one that an earlier drill has left open. */
async function openFor(
  store: Store,
  runbook: Runbook,
  alert: Alert,
  drillId: string,
  onEvent: (event: TimelineEvent) => void,
) {
  const labelled = { ...alert, labels: { ...alert.labels, drill: drillId } };
  const [received] = await receive([labelled], {
    store,
    clock: systemClock,
    runbooks: [runbook],
    actor: 'evaluator',
    identifyingLabels: ['drill'],
  });
  if (!received?.incident) {
    throw new AllclearError('E_INTERNAL', { what: 'a firing alert has opened no incident' });
  }
  return openJournal({ store, incident: received.incident, actor: 'drill', onEvent });
}

async function propose(rehearsal: Rehearsal, incident: string, cwd: string): Promise<string> {
  const { store, home, runbook } = rehearsal;
  const events = await openJournal({ store, incident, actor: 'drill' }).timeline();
  const { date, text } = historyEntry(incident, runbook.steps, events);
  const entry = { date, text: `Drill. ${text}` };
  const update = await proposeUpdate({ home, given: null, runbook, incident, entry, write: false, cwd });
  return update.file;
}

function surroundingsOf(
  { env, cwd }: DrillRequest,
  access: LabAccess,
  {
    runbook,
    others,
    metrics,
  }: { runbook: Runbook; others: readonly Runbook[] } & Pick<Surroundings, 'metrics'>,
): Surroundings {
  const params = [...others, runbook].map((one) => paramEnv(one, new Map(Object.entries(access.params))));
  const ours = {
    ...env,
    ALLCLEAR_GUARD_URL: `http://${access.admin}`,
    ALLCLEAR_GUARD_TOKEN: access.token,
    ALLCLEAR_ACTOR: 'drill',
  };
  return {
    clock: systemClock,
    cwd,
    env: Object.assign({ ...commandEnv(ours, cwd) }, ...params) as Surroundings['env'],
    hosts: [],
    metrics,
    secrets: [access.token],
    sampleSeconds: SAMPLE_SECONDS,
  };
}

async function practise(request: DrillRequest, scene: Scene, lab: Lab): Promise<void> {
  const { onEvent } = request;
  const stopShowing = showFleet(scene, onEvent);
  try {
    await connectFleet(scene, lab.signal, onEvent);
    onEvent({ kind: 'injected', what: await scene.inject() });
    await keepUp(request, scene, lab);
  } finally {
    stopShowing();
  }
}

/** Tells how to work on the lab; resolves on Ctrl-C, rejects when a part of the lab crashes before. */
async function keepUp(request: DrillRequest, scene: Scene, lab: Lab): Promise<void> {
  const { signal, onEvent, cwd } = request;
  const runbook = relative(cwd, runbookFile(request.failure));
  onEvent({ kind: 'practice', runbook, access: requireAccess(scene) });
  if (!lab.signal.aborted) {
    await new Promise<void>((resolve) =>
      lab.signal.addEventListener('abort', () => resolve(), { once: true }),
    );
  }
  if (!signal.aborted) throw lab.signal.reason as Error;
}

function requireAccess(scene: Scene): LabAccess {
  if (scene.access) return scene.access;
  throw new AllclearError('E_INTERNAL', { what: 'the lab has no guard' });
}

function shippedRunbook(failure: string): Promise<Runbook> {
  return readRunbook(runbookFile(failure), LIBRARY);
}

function runbookFile(failure: string): string {
  return join(LIBRARY, `${failure}.md`);
}

async function shippedRules(): Promise<readonly RuleGroup[]> {
  const file = join(LIBRARY, 'alerts.yaml');
  return parseRuleFile(await readFile(file, 'utf8'), file);
}
