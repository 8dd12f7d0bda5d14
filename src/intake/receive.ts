/** Alerts come in, from the built-in evaluator or from Alertmanager, and open or join incidents. */
import { type EventData, openIncident } from '../engine/index.ts';
import { type Clock, oneLine } from '../kernel/index.ts';
import type { Alert, Labels } from '../metrics/index.ts';
import type { Runbook } from '../runbook/index.ts';
import {
  appendEvent,
  countAlert,
  findAlert,
  findIncident,
  findOpenByKey,
  insertAlert,
  type Store,
  updateAlert,
  type Writer,
} from '../store/index.ts';
import { findRunbook } from './library.ts';

export interface Intake {
  readonly store: Store;
  readonly clock: Clock;
  readonly runbooks: readonly Runbook[];
  /** Who brings the alerts: `alertmanager`, `evaluator`. */
  readonly actor: string;
  /** Labels that tell one affected system from another. Default `cluster`, `namespace`, `service`, `job`. */
  readonly identifyingLabels?: readonly string[];
}

export interface Received {
  readonly fingerprint: string;
  /** Null for a resolved alert that nothing is known about. */
  readonly incident: string | null;
  readonly outcome: 'opened' | 'joined' | 'repeated' | 'resolved' | 'ignored';
  /** The runbook's id; null when none is linked: a gap in coverage. */
  readonly runbook: string | null;
}

const IDENTIFYING_LABELS = ['cluster', 'namespace', 'service', 'job'];

/** Alerts handled in one transaction: a storm must not hold the store for long. */
const BATCH = 200;

/** Alerts of one incident that get a line on its time line; all are counted and kept. */
const ALERTS_ON_TIMELINE = 100;

/**
 * Persists alerts. When this returns they are durable and may be acknowledged. Deliveries of the same
 * occurrence, `(fingerprint, startsAt)`, are one alert; a resolved alert is evidence, and closes nothing.
 * Errors: the store's.
 */
export async function receive(alerts: readonly Alert[], intake: Intake): Promise<Received[]> {
  const received: Received[] = [];
  for (let from = 0; from < alerts.length; from += BATCH) {
    const batch = alerts.slice(from, from + BATCH);
    received.push(...(await intake.store.write((tx) => receiveBatch(tx, batch, intake))));
  }
  return received;
}

async function receiveBatch(tx: Writer, alerts: readonly Alert[], intake: Intake): Promise<Received[]> {
  const received: Received[] = [];
  for (const alert of alerts) received.push(await receiveOne(tx, alert, intake));
  return received;
}

async function receiveOne(tx: Writer, alert: Alert, intake: Intake): Promise<Received> {
  const { fingerprint, startsAt } = alert;
  const runbook = findRunbook(alert, intake.runbooks);
  const about = { fingerprint, runbook: runbook?.id ?? null };
  const known = await findAlert(tx, fingerprint, startsAt);
  if (known) {
    await updateAlert(tx, alert, intake.store.now());
    const news = alert.status === 'resolved' && known.status !== 'resolved';
    if (news) await writeDown(tx, known.incident, alert, intake);
    return { ...about, incident: known.incident, outcome: news ? 'resolved' : 'repeated' };
  }
  const joinKey = joinKeyOf(alert, runbook, intake.identifyingLabels ?? IDENTIFYING_LABELS);
  const open = await findOpenByKey(tx, joinKey);
  if (!open && alert.status === 'resolved') return { ...about, incident: null, outcome: 'ignored' };
  const incident = open?.id ?? (await openFor(tx, alert, runbook, joinKey, intake));
  await insertAlert(tx, { ...alert, incident }, intake.store.now());
  await countAlert(tx, incident);
  await writeDown(tx, incident, alert, intake);
  return { ...about, incident, outcome: open ? 'joined' : 'opened' };
}

function openFor(
  tx: Writer,
  alert: Alert,
  runbook: Runbook | null,
  joinKey: string,
  { actor, clock }: Intake,
): Promise<string> {
  const opening = {
    runbook: runbook?.id ?? '',
    version: runbook && { file: runbook.file, source: runbook.source },
    title: runbook?.title ?? `${nameOf(alert)} (no runbook)`,
    severity: runbook?.frontMatter.severity ?? alert.labels['severity'] ?? null,
    labels: alert.labels,
    joinKey,
  };
  return openIncident(tx, opening, actor, clock);
}

async function writeDown(tx: Writer, incident: string, alert: Alert, intake: Intake): Promise<void> {
  const record = await findIncident(tx, incident);
  if (!record || record.alertCount > ALERTS_ON_TIMELINE) return;
  const { status, fingerprint, startsAt } = alert;
  const data: EventData<'alert'> = { status, name: nameOf(alert), fingerprint, startsAt };
  await appendEvent(tx, incident, { at: intake.store.now(), actor: intake.actor, kind: 'alert', data });
}

/** Alerts with the same key are one incident while it is open. */
function joinKeyOf(alert: Alert, runbook: Runbook | null, identifying: readonly string[]): string {
  const what = runbook ? ['runbook', runbook.id] : ['alert', nameOf(alert)];
  return JSON.stringify([...what, ...identifying.map((name) => [name, labelOf(alert.labels, name)])]);
}

function labelOf(labels: Labels, name: string): string {
  return Object.hasOwn(labels, name) ? labels[name]!.slice(0, 256) : '';
}

function nameOf(alert: Alert): string {
  return oneLine(labelOf(alert.labels, 'alertname') || 'unnamed alert', 120);
}
