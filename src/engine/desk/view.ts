/** Reads an incident whole, for everything outside. */
import {
  type AlertRecord,
  type AttemptRecord,
  countFiring,
  findIncident,
  findWork,
  type IncidentRecord,
  lastEvent,
  listAlerts,
  listAttempts,
  listWorkers,
  type Reader,
  runbookHash,
  type WorkRecord,
} from '../../store/index.ts';
import { noIncident } from '../journal.ts';
import { redact, secretValues } from '../redact.ts';
import { readTimeline, type TimelineEvent } from '../timeline.ts';
import type { Desk } from './desk.ts';
import { plan } from './plan.ts';
import { loadStanding, type Standing } from './standing.ts';
import { standingStep } from './standing-step.ts';
import type { IncidentSummary, IncidentView } from './view-schema.ts';
import { readWaiting } from './waiting.ts';

const ALERTS = 100;
const PROPOSALS = 20;
/** Of each step, the last ones. */
const ATTEMPTS = 10;
/** Characters of an attempt's output: its head and its end. */
const OUTPUT = 16_000;
/** A worker that has said nothing for so long is not there, ms. */
const WORKER_SILENT = 30_000;

/** An incident in a list: nothing is read beside its record. */
export function summarize(record: IncidentRecord): IncidentSummary {
  const { id, title, severity, state, open, site, assignee, labels, alertCount } = record;
  const { openedAt, updatedAt, closedAt, seq } = record;
  return {
    id,
    title,
    severity,
    runbook: record.runbook === '' ? null : record.runbook,
    state,
    open,
    waiting: readWaiting(record.waiting),
    labels: { ...labels },
    site,
    assignee,
    alertCount,
    openedAt,
    updatedAt,
    closedAt,
    seq,
  };
}

/**
 * One incident, whole; what it waits for is as of now, also when an approval has expired meanwhile.
 * @throws `E_NOT_FOUND`
 */
export async function viewIncident(desk: Desk, id: string): Promise<IncidentView> {
  const { db } = desk.store;
  const record = await findIncident(db, id);
  if (!record) throw noIncident(id);
  const at = await loadStanding(db, desk, record, desk.store.now());
  const [work, attempts, differential] = await Promise.all([
    findWork(db, id),
    listAttempts(db, id),
    lastEvent(db, id, 'differential'),
  ]);
  const { runbook, state, policy } = at;
  const newer = desk.library.list().find((known) => known.id === record.runbook);
  const changed = newer !== undefined && runbookHash(newer.source) !== record.runbookHash;
  return {
    ...summarize(record),
    waiting: work ? null : plan(at).waiting,
    why: 'why' in state ? state.why : null,
    round: 'round' in state ? state.round : null,
    runbookFile: runbook?.file ?? null,
    runbookHash: record.runbookHash,
    runbookTitle: runbook?.title ?? null,
    runbookChanged: runbook !== null && changed,
    coverageGap: runbook === null,
    work: work && workView(work),
    verdict: verdictView(at.events),
    ...differentialView(record, differential && readTimeline([differential])[0]),
    verification: verificationView(at.events),
    steps: at.steps.map(({ index }) => stepView(at, index, attempts)),
    parameters: shownParameters(at.env, desk.secrets),
    proposals: proposalsOf(at.events),
    alerts: await alertsView(db, record),
    policy: {
      beginWhenConfirmed: policy.beginWhenConfirmed,
      runAlone: [...policy.runAlone],
      approvalSeconds: policy.approvalSeconds,
    },
    hints: await hintsFor(db, desk, at, { work, changed: runbook !== null && changed }),
  };
}

function workView({ kind, step, block, state, worker, readyAt }: WorkRecord): IncidentView['work'] {
  return { kind, step, block, state, worker, readyAt };
}

type ReadingView = NonNullable<IncidentView['verdict']>['readings'][number];

/** Events keep readings of any version: what is not understood is left out by the schema that answers. */
function readings(all: readonly unknown[]): ReadingView[] {
  return all as ReadingView[];
}

function verdictView(events: readonly TimelineEvent[]): IncidentView['verdict'] {
  const reached = events.findLast((event) => event.kind === 'verdict-reached');
  if (!reached) return null;
  const { verdict, why } = reached.data;
  return { verdict, why, at: reached.at, readings: readings(reached.data.readings) };
}

function verificationView(events: readonly TimelineEvent[]): IncidentView['verification'] {
  const last = events.findLast((event) => event.kind === 'verified' || event.kind === 'not-verified');
  if (!last) return null;
  const { why } = last.data;
  return { verified: last.kind === 'verified', why, at: last.at, readings: readings(last.data.readings) };
}

/** Of the runbooks beside the linked one, also when that was one of them until it was adopted. */
function differentialView(
  { runbook: linked }: IncidentRecord,
  event: TimelineEvent | null | undefined,
): Pick<IncidentView, 'differential' | 'sandbox'> {
  if (event?.kind !== 'differential') return { differential: null, sandbox: null };
  const { seconds, proposed, sandbox, verdicts } = event.data;
  const shown = verdicts
    .filter(({ runbook }) => runbook !== linked)
    .map((verdict) => ({ ...verdict, readings: readings(verdict.readings) }));
  const better = proposed === linked ? null : proposed;
  return { differential: { at: event.at, seconds, proposed: better, verdicts: shown }, sandbox };
}

function stepView(
  at: Standing,
  index: number,
  attempts: readonly AttemptRecord[],
): IncidentView['steps'][number] {
  const { progress, rendered, approvalHash, have, need } = standingStep(at, index);
  const { title, prose, risk, manual, blocks } = rendered;
  return {
    index,
    title,
    prose,
    risk,
    manual,
    blocks: blocks.map(({ language, command, timeoutSeconds }) => ({ language, command, timeoutSeconds })),
    state: progress.state,
    run: progress.run,
    approvalHash,
    approvals: { have: have.map(({ by, at: given, expiresAt }) => ({ by, at: given, expiresAt })), need },
    attempts: attempts
      .filter((attempt) => attempt.step === index)
      .slice(-ATTEMPTS)
      .map(attemptView),
  };
}

/** An approval is about their values too, so whoever approves sees them; the hash holds for what is not shown. */
function shownParameters(
  env: Readonly<Record<string, string>>,
  secrets: readonly string[],
): Record<string, string> {
  const parameters = Object.entries(env).filter(([name]) => name.startsWith('PARAM_'));
  const hidden = [...secrets, ...secretValues(Object.fromEntries(parameters))];
  return Object.fromEntries(parameters.map(([name, value]) => [name, redact(value, hidden)]));
}

function attemptView(attempt: AttemptRecord): IncidentView['steps'][number]['attempts'][number] {
  const { block, state, worker, intendedAt, endedAt, exit, truncated, decision } = attempt;
  const output = attempt.output && cut(attempt.output);
  const isCut = output !== attempt.output;
  return {
    block,
    attempt: attempt.attempt,
    state,
    worker,
    intendedAt,
    endedAt,
    exit,
    output,
    truncated: truncated || isCut,
    decision,
  };
}

function cut(output: string): string {
  if (output.length <= OUTPUT) return output;
  const half = OUTPUT / 2;
  return `${output.slice(0, half)}\n[…${output.length - OUTPUT} characters cut]\n${output.slice(-half)}`;
}

function proposalsOf(events: readonly TimelineEvent[]): IncidentView['proposals'] {
  return events
    .filter((event) => event.kind === 'step-proposed')
    .slice(-PROPOSALS)
    .map(({ actor: by, at, data: { step, title, why } }) => ({ step, title, why, by, at }));
}

async function alertsView(db: Reader, { id, alertCount }: IncidentRecord): Promise<IncidentView['alerts']> {
  if (alertCount === 0) return { count: 0, firing: 0, first: [] };
  const [firing, first] = await Promise.all([countFiring(db, id), listAlerts(db, id, ALERTS)]);
  return { count: alertCount, firing, first: first.map(alertView) };
}

function alertView(alert: AlertRecord): IncidentView['alerts']['first'][number] {
  const { fingerprint, status, labels, annotations, startsAt, endsAt, generatorUrl, receivedCount } = alert;
  return {
    fingerprint,
    status,
    labels: { ...labels },
    annotations: { ...annotations },
    startsAt,
    endsAt,
    generatorUrl,
    receivedCount,
  };
}

/** What keeps it from going on, and what to do about it. */
async function hintsFor(
  db: Reader,
  desk: Desk,
  at: Standing,
  { work, changed }: { work: WorkRecord | null; changed: boolean },
): Promise<string[]> {
  const hints: string[] = [];
  if (!at.runbook)
    hints.push('No runbook fits its alert: write one and adopt it, or adopt one of the library.');
  if (changed) {
    hints.push(
      `The runbook ${at.record.runbook} has changed since; this incident goes on with the text it began with. Adopt ${at.record.runbook} to change over.`,
    );
  }
  for (const { name } of at.runbook?.frontMatter.params ?? []) {
    const variable = `PARAM_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
    if (at.env[variable] === undefined)
      hints.push(`The parameter ${name} has no value: set it under params in the configuration.`);
  }
  if (work?.state === 'ready' && !(await hasWorker(db, work.site, desk.store.now()))) {
    hints.push(
      work.site === ''
        ? 'No worker is there to take its work: start `allclear worker`.'
        : `No worker is there for the site ${work.site}: start \`allclear worker --site ${work.site}\` there.`,
    );
  }
  return hints;
}

async function hasWorker(db: Reader, site: string, now: number): Promise<boolean> {
  const workers = await listWorkers(db, now - WORKER_SILENT);
  return workers.some(({ sites }) => sites === null || sites.includes(site));
}
