/** What alerts say about an incident beyond that they fire. */
import type { EventData, EventKind } from '../engine/index.ts';
import { type Clock, newId } from '../kernel/index.ts';
import { insertEvidence, lastEvent, type Writer } from '../store/index.ts';
import { type Affected, MAX_EVENTS } from './affected.ts';

interface AlertEvent<Kind extends EventKind> {
  readonly kind: Kind;
  readonly actor: string;
  readonly data: EventData<Kind>;
}

type Evidence = AlertEvent<'still-firing'> | AlertEvent<'alerts-truncated'>;

export async function evidenceOf(
  tx: Writer,
  one: Affected,
  incident: string,
  { clock, at }: { clock: Clock; at: number },
): Promise<Evidence[]> {
  if ((one.known?.seq ?? 0) >= MAX_EVENTS) return [];
  const found = [await stillFiring(tx, one, incident, { clock, at }), await truncated(tx, one, incident)];
  return found.filter((event) => event !== null);
}

/** Verify held, and yet the alert fires: said once, and held against the runbook's Verify. */
async function stillFiring(
  tx: Writer,
  { stillFiring: firing, known }: Affected,
  incident: string,
  { clock, at }: { clock: Clock; at: number },
): Promise<Evidence | null> {
  if (!firing || !known || (await lastEvent(tx, incident, 'still-firing'))) return null;
  const seconds = Math.round((at - (known.closedAt ?? at)) / 1000);
  const { fingerprint, startsAt } = firing.alert;
  const data = { name: firing.name, fingerprint, startsAt, seconds };
  insertEvidence(tx, {
    id: newId('evi', clock),
    runbook: known.runbook,
    subject: 'verify',
    kind: 'still-firing',
    at,
    incident,
    data,
  });
  return { kind: 'still-firing', actor: firing.actor, data };
}

/** Said again only when there are more than ever. */
async function truncated(tx: Writer, one: Affected, incident: string): Promise<Evidence | null> {
  if (one.truncated === 0 || !one.open) return null;
  const before = one.known && (await lastEvent(tx, incident, 'alerts-truncated'));
  const said = (before?.data as EventData<'alerts-truncated'> | undefined)?.count ?? 0;
  if (one.truncated <= said) return null;
  return { kind: 'alerts-truncated', actor: one.first.actor, data: { count: one.truncated } };
}
