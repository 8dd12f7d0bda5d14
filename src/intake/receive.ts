/** Alerts come in, from the built-in evaluator or from Alertmanager, and open or join incidents. */
import { type AppendedEvent, openIncident, type PlanNext } from '../engine/index.ts';
import type { Clock } from '../kernel/index.ts';
import type { Runbook } from '../runbook/index.ts';
import {
  appendEvents,
  countAlerts,
  endAlert,
  findIncidents,
  findKnownAlerts,
  hasFiring,
  lockOpenByKeys,
  type NewEvent,
  type Store,
  type Writer,
  writeAlerts,
} from '../store/index.ts';
import type { Affected } from './affected.ts';
import { Batch, type Occurrence, type Outcome } from './batch.ts';
import { evidenceOf } from './evidence.ts';
import { type IdentifiedAlert, identify } from './identity.ts';
import type { IncomingAlert } from './incoming-alert.ts';

export interface Intake {
  readonly store: Store;
  readonly clock: Clock;
  /** Best the same array as long as the runbooks are the same: see `findRunbook`. */
  readonly runbooks: readonly Runbook[];
  /** Who brings the alerts, where a delivery does not say: `alertmanager`, `evaluator`. */
  readonly actor: string;
  /** Labels that tell one affected system from another. Default `cluster`, `namespace`, `service`, `job`. */
  readonly identifyingLabels?: readonly string[];
  /** The label that names where commands must run. Default `site`. */
  readonly siteLabel?: string;
  /** How long after verify held a firing alert is still a matter of delay. Default 900,000 ms. */
  readonly stillFiringMs?: number;
  /**
   * Plans what comes next for incidents that opened, have no firing alert left, or that alerts say something new about.
   * Without it whoever asked for the alerts goes on with the incident, as a drill does.
   */
  readonly plan?: PlanNext;
}

export interface Received {
  readonly fingerprint: string;
  /** Null for a resolved alert that nothing is known about. */
  readonly incident: string | null;
  readonly outcome: Outcome;
  /** The runbook's id; null when none is linked: a gap in coverage. */
  readonly runbook: string | null;
}

/** Alerts of one message, or a part of it. */
export interface Delivery {
  readonly alerts: readonly IncomingAlert[];
  /** Alerts of the same group that the message does not hold. Default 0. */
  readonly truncated?: number;
  /** Who brings them. */
  readonly actor?: string;
}

export const IDENTIFYING_LABELS = ['cluster', 'namespace', 'service', 'job'];
export const SITE_LABEL = 'site';
export const STILL_FIRING_MS = 900_000;

/** Alerts handled in one transaction: a storm must not hold the store for long. */
export const BATCH = 1_000;

/**
 * Persists alerts. When this returns they are durable and may be acknowledged. Deliveries of the same
 * occurrence, `(fingerprint, startsAt)`, are one alert; a resolved alert is evidence, and closes nothing.
 * Errors: the store's.
 */
export async function receive(alerts: readonly IncomingAlert[], intake: Intake): Promise<Received[]> {
  const received: Received[] = [];
  for (let from = 0; from < alerts.length; from += BATCH) {
    const delivery = { alerts: alerts.slice(from, from + BATCH) };
    received.push(...(await receiveTogether([delivery], intake))[0]!);
  }
  return received;
}

/** Several deliveries in one transaction; what became of each. Errors: the store's. */
export function receiveTogether(deliveries: readonly Delivery[], intake: Intake): Promise<Received[][]> {
  const { runbooks, identifyingLabels: identifyBy = IDENTIFYING_LABELS, siteLabel = SITE_LABEL } = intake;
  const identified = deliveries.map(({ alerts, truncated = 0, actor = intake.actor }) => ({
    alerts: alerts.map((alert) => identify(alert, { identifyBy, siteLabel }, runbooks, actor)),
    truncated,
  }));
  // A transaction that another server's was in the way of runs again: nothing outside it is touched.
  return intake.store.write(async (tx) => {
    const now = intake.store.now();
    const batch = await openBatch(
      tx,
      identified.flatMap(({ alerts }) => alerts),
      intake,
      now,
    );
    const sorted = identified.map(({ alerts, truncated }) =>
      alerts.map((one) => {
        const { outcome, incident } = batch.add(one);
        if (incident && incident.truncated < truncated) incident.truncated = truncated;
        return { one, outcome, incident };
      }),
    );
    const ids = await write(tx, batch, intake, now);
    return sorted.map((part) =>
      part.map(({ one, outcome, incident }) => ({
        fingerprint: one.alert.fingerprint,
        incident: incident && ids.get(incident)!,
        outcome,
        runbook: one.runbook?.id ?? null,
      })),
    );
  });
}

async function openBatch(
  tx: Writer,
  identified: readonly IdentifiedAlert[],
  { stillFiringMs = STILL_FIRING_MS }: Intake,
  now: number,
): Promise<Batch> {
  // First the incidents: another server that brings the same alerts waits here.
  const held = await lockOpenByKeys(tx, new Set(identified.map(({ joinKey }) => joinKey)));
  const alerts = await findKnownAlerts(
    tx,
    identified.map(({ alert }) => alert),
  );
  const others = new Set(alerts.map(({ incident }) => incident));
  for (const { id } of held) others.delete(id);
  const incidents = [...held, ...(await findIncidents(tx, [...others]))];
  return new Batch({ now, stillFiringMs }, alerts, incidents);
}

/** Incidents first, then their alerts, then what follows from both. Gives the ids of the incidents. */
async function write(tx: Writer, batch: Batch, intake: Intake, now: number): Promise<Map<Affected, string>> {
  const affected = [...batch.affected];
  const ids = new Map<Affected, string>();
  for (const one of affected) ids.set(one, one.known?.id ?? (await open(tx, one, intake)));
  await writeOccurrences(tx, batch.occurrences, ids, now);
  const news: News[] = [];
  for (const one of affected) news.push(await newsOf(tx, one, ids.get(one)!, intake, now));
  await writeNews(tx, news, intake, now);
  return ids;
}

async function writeOccurrences(
  tx: Writer,
  occurrences: readonly Occurrence[],
  ids: ReadonlyMap<Affected, string>,
  now: number,
): Promise<void> {
  const delivered = occurrences.flatMap(({ identified, incident, status, endsAt, deliveries }) => {
    if (!identified) return [];
    const { alert } = identified;
    const generatorUrl = alert.generatorUrl ?? null;
    return [{ ...alert, generatorUrl, incident: ids.get(incident)!, status, endsAt, deliveries }];
  });
  await writeAlerts(tx, delivered, now);
  // Those that a later end has shown to be over.
  for (const one of occurrences) if (!one.identified) await endAlert(tx, one);
}

function open(tx: Writer, { first }: Affected, { clock }: Intake): Promise<string> {
  const { alert, actor, runbook, site, joinKey } = first;
  const opening = {
    runbook: runbook?.id ?? '',
    version: runbook && { file: runbook.file, source: runbook.source },
    title: titleOf(first),
    // The alert knows how bad it is this time; the runbook only how bad it usually is.
    severity: alert.labels['severity'] || (runbook?.frontMatter.severity ?? null),
    labels: alert.labels,
    joinKey,
    site,
  };
  return openIncident(tx, opening, actor, clock);
}

function titleOf({ name, runbook }: IdentifiedAlert): string {
  return runbook?.title ?? `${name} (no runbook)`;
}

/** What the alerts say about one incident. */
interface News {
  readonly incident: string;
  readonly one: Affected;
  readonly events: readonly NewEvent[];
  /** Something may follow from it. */
  readonly matters: boolean;
}

async function newsOf(
  tx: Writer,
  one: Affected,
  incident: string,
  { clock }: Intake,
  at: number,
): Promise<News> {
  if (one.added > 0) await countAlerts(tx, incident, one.added);
  const evidence = await evidenceOf(tx, one, incident, { clock, at });
  const quiet = one.resolved && one.open && !(await hasFiring(tx, incident));
  const events = [...one.lines, ...evidence].map((event) => ({ ...event, at }));
  return { incident, one, events, matters: !one.known || quiet || evidence.length > 0 };
}

async function writeNews(tx: Writer, news: readonly News[], { plan }: Intake, now: number): Promise<void> {
  const appended = await appendEvents(
    tx,
    news.flatMap(({ incident, events }) => events.map((event) => ({ incident, event }))),
  );
  const written = Map.groupBy(
    appended as (AppendedEvent & { incident: string })[],
    ({ incident }) => incident,
  );
  const done = news
    .filter(({ matters }) => matters)
    .map(({ incident, one }) => ({
      incident,
      events: [...(one.known ? [] : [openedEvent(one.first)]), ...(written.get(incident) ?? [])],
    }));
  if (done.length > 0) await plan?.(tx, done, now);
}

/** As `openIncident` has written it. */
function openedEvent(first: IdentifiedAlert): AppendedEvent {
  const { runbook } = first;
  const data = { runbook: runbook?.id ?? '', file: runbook?.file ?? null, title: titleOf(first) };
  return { kind: 'opened', seq: 1, data };
}
