/**
 * A drill: the failure is injected into a healthy lab, and everything that an incident needs must then
 * happen by itself: the alert, the verdict, the fix, the proof of the fix. What does not happen is a
 * shortcoming of the runbook, and is said.
 */
import {
  DEFAULT_POLICY,
  diagnose,
  type Journal,
  type Levers,
  labelEnv,
  type Responded,
  respond,
  type Surroundings,
  type TimelineEvent,
  type Verdict,
} from '../engine/index.ts';
import type { Clock } from '../kernel/index.ts';
import type { Alert } from '../metrics/index.ts';
import type { Runbook } from '../runbook/index.ts';
import { recordClients } from './client-record.ts';
import type { BeforeAfterRow, DrillEvent, DrillResult, DrillSeconds } from './drill-model.ts';
import { drillOperator } from './drill-operator.ts';
import { connectFleet, isRecovered, showFleet } from './fleet-view.ts';
import type { Scene } from './scene.ts';
import { secondsSince } from './seconds-since.ts';
import { shortcomingsOf } from './shortcomings.ts';
import type { Watch } from './watch.ts';

/** After the fleet has connected: until the servers are calm again. */
const SETTLE_MS = 5000;
const ALERT_TIMEOUT_MS = 60_000;
/** Verify may hold while the last few clients are still on their way. */
const LAST_CLIENTS_MS = 15_000;
const POLL_SECONDS = 1;

export interface Drill {
  readonly runbook: Runbook;
  /** The runbooks of the other failure modes. */
  readonly others: readonly Runbook[];
  readonly scene: Scene;
  readonly watch: Watch;
  readonly surroundings: Surroundings;
  readonly levers: Levers;
  /** Takes the alert in as any other; the journal tells `onEvent` what becomes durable. */
  readonly receive: (alert: Alert, onEvent: (event: TimelineEvent) => void) => Promise<Journal>;
  /** Writes the proposed runbook for the incident; gives the file. */
  readonly propose: (incident: string) => Promise<string>;
  readonly worker: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onEvent: (event: DrillEvent) => void;
}

/** A drill's findings, but for the file that they are written to. */
export type Findings = Omit<DrillResult, 'record'>;

/** Runs the whole rehearsal. Errors: those of the lab; what the runbook fails to do is a finding, not an error. */
export async function drill(setup: Drill): Promise<Findings> {
  const { scene, clock, signal, onEvent, watch, runbook } = setup;
  const startedAt = clock.monotonic();
  const stopShowing = showFleet(scene, onEvent);
  try {
    await reachSteadyState(setup);
    const control = await controlReading(setup);
    const record = recordClients(scene, clock);
    const injectedAt = clock.monotonic();
    const since = () => secondsSince(clock, injectedAt);
    onEvent({ kind: 'injected', what: await scene.inject() });

    const alert = await watch.firing(runbook.frontMatter.alerts, ALERT_TIMEOUT_MS, signal);
    const toAlert = alert && since();
    const course = alert ? await treat(setup, alert, since) : untouched(setup);
    const after = course.responded?.verified ? await seeOthersHome(setup) : null;
    const update = course.incident ? await setup.propose(course.incident) : null;
    const total = secondsSince(clock, startedAt);
    return summarize(setup, {
      control,
      alert,
      course,
      after,
      update,
      clients: record.stop(),
      seconds: { toAlert, ...course.seconds, total },
    });
  } finally {
    stopShowing();
  }
}

async function reachSteadyState({ scene, clock, signal, onEvent }: Drill): Promise<void> {
  await connectFleet(scene, signal, onEvent);
  onEvent({ kind: 'settling', seconds: SETTLE_MS / 1000 });
  await clock.sleep(SETTLE_MS, signal);
}

async function controlReading({ runbook, surroundings, signal, onEvent }: Drill): Promise<Verdict> {
  const verdict = await diagnose(runbook, surroundings, { signal });
  onEvent({ kind: 'control', verdict });
  return verdict;
}

/** What became of the incident. */
interface Course {
  readonly incident: string | null;
  readonly responded: Responded | null;
  readonly verdict: Verdict | null;
  readonly failedBeforeFix: boolean | null;
  readonly others: readonly Verdict[];
  readonly seconds: Pick<DrillSeconds, 'toVerdict' | 'toFix' | 'toVerified'>;
}

function untouched({ onEvent }: Drill): Course {
  onEvent({ kind: 'no-alert', waitedSeconds: ALERT_TIMEOUT_MS / 1000 });
  const seconds = { toVerdict: null, toFix: null, toVerified: null };
  return { incident: null, responded: null, verdict: null, failedBeforeFix: null, others: [], seconds };
}

/** The alert opens an incident, and the incident takes its course. */
async function treat(setup: Drill, alert: Alert, since: () => number): Promise<Course> {
  const { runbook, surroundings, levers, worker, signal, onEvent } = setup;
  onEvent({
    kind: 'alert',
    name: alert.labels['alertname'] ?? '',
    summary: alert.annotations['summary'] ?? '',
    runbookUrl: alert.annotations['runbook_url'] ?? '',
  });
  const times = new Map<TimelineEvent['kind'], number>();
  let failedBeforeFix: boolean | null = null;
  let output = '';
  const journal = await setup.receive(alert, (event) => {
    times.set(event.kind, since());
    if (event.kind === 'checked-before-fix') failedBeforeFix = !event.data.verified;
    onEvent({ kind: 'incident', event, output });
    if (event.kind === 'step-ended') output = '';
  });
  const env = { ...surroundings.env, ...labelEnv(alert.labels), ALLCLEAR_INCIDENT: journal.incident };
  const others = Promise.all(setup.others.map((other) => askOther(other, setup)));
  const responded = await respond({
    runbook,
    journal,
    operator: drillOperator,
    surroundings: { ...surroundings, env },
    levers,
    policy: { ...DEFAULT_POLICY, checkBeforeFix: true, maxRounds: 1 },
    worker,
    signal,
    verifying: {
      pollSeconds: POLL_SECONDS,
      onRound: ({ readings }) => {
        const normal = readings.filter(({ judgement }) => judgement === 'normal').length;
        onEvent({ kind: 'verifying', normal, total: readings.length });
      },
    },
    onOutput: ({ text }) => {
      output += text;
    },
  });
  signal.throwIfAborted();
  return {
    incident: journal.incident,
    responded,
    verdict: responded.verdict,
    failedBeforeFix,
    others: await others,
    seconds: {
      toVerdict: times.get('verdict-reached') ?? null,
      toFix: times.get('step-ended') ?? null,
      toVerified: times.get('verified') ?? null,
    },
  };
}

/** A signature that fires on everything is worthless: the runbook of another failure must rule this one out. */
async function askOther(other: Runbook, { surroundings, signal, onEvent }: Drill): Promise<Verdict> {
  const verdict = await diagnose(other, surroundings, { signal });
  onEvent({ kind: 'other', verdict });
  return verdict;
}

/** Waits for the last clients, and reads the checks once more for the table of before and after. */
async function seeOthersHome({
  scene,
  clock,
  signal,
  runbook,
  surroundings,
  onEvent,
}: Drill): Promise<Verdict> {
  const deadline = clock.monotonic() + LAST_CLIENTS_MS;
  while (clock.monotonic() < deadline && !isRecovered(scene.clients())) await clock.sleep(250, signal);
  const { connected, total } = scene.clients();
  onEvent({ kind: 'recovered', connected, total });
  return diagnose(runbook, surroundings, { signal });
}

interface Gathered {
  readonly control: Verdict;
  readonly alert: Alert | null;
  readonly course: Course;
  readonly after: Verdict | null;
  readonly update: string | null;
  readonly clients: { readonly lost: number; readonly connected: readonly number[] };
  readonly seconds: DrillSeconds;
}

function summarize({ runbook, scene }: Drill, gathered: Gathered): Findings {
  const { control, alert, course, after, update, clients, seconds } = gathered;
  const { verdict, responded } = course;
  const { connected, total } = scene.clients();
  const found = {
    runbook: runbook.id,
    control: { verdict: control.verdict },
    alert: alert && {
      name: alert.labels['alertname'] ?? '',
      runbook_url: alert.annotations['runbook_url'] ?? '',
    },
    diagnosis: verdict && {
      verdict: verdict.verdict,
      why: verdict.why,
      readings: verdict.readings.map(({ check, judgement, value }) => ({ check, judgement, value })),
    },
    verifyBeforeFix:
      course.failedBeforeFix === null
        ? null
        : course.failedBeforeFix
          ? ('failed' as const)
          : ('passed' as const),
    steps: (responded?.steps ?? []).map(({ title, state }) => ({ title, outcome: state })),
    verified: responded?.verified ?? false,
    clients: { total, lost: clients.lost, recovered: connected },
    others: course.others.map((other) => ({ runbook: other.runbook, verdict: other.verdict })),
    seconds,
    incident: course.incident,
    update,
    beforeAfter: beforeAndAfter(control, verdict, after),
    connected: clients.connected,
    words: scene.words,
  };
  return { ...found, shortcomings: shortcomingsOf(found) };
}

function beforeAndAfter(healthy: Verdict, failing: Verdict | null, after: Verdict | null): BeforeAfterRow[] {
  return healthy.readings.map(({ check, shown: value }) => ({
    check,
    healthy: value,
    failing: shownBy(failing, check),
    after: shownBy(after, check),
  }));
}

function shownBy(verdict: Verdict | null, check: string): string {
  return verdict?.readings.find((reading) => reading.check === check)?.shown ?? '';
}
