import type { KnownAlert } from '../store/index.ts';
import { Affected, type KnownIncident } from './affected.ts';
import { type IdentifiedAlert, occurrenceOf } from './identity.ts';

/**
 * What it means when an occurrence fires that was resolved before. Within this time of the last delivery it is late
 * news, as from the second Alertmanager of a pair. After it the alert fires again: Prometheus had been out of
 * Alertmanager's reach for a while, and the start is still the same.
 */
const LATE_MS = 120_000;

/** One alert from its start to its end, as the batch leaves it. */
export interface Occurrence {
  readonly identified: IdentifiedAlert;
  incident: Affected;
  status: 'firing' | 'resolved';
  endsAt: number | null;
  /** In this batch. */
  deliveries: number;
}

export type Outcome = 'opened' | 'joined' | 'repeated' | 'resolved' | 'ignored';

export interface BatchOptions {
  /** Epoch ms. */
  readonly now: number;
  /** From the resolution of an incident on, until an alert of it that still fires is evidence against its verify. */
  readonly stillFiringMs: number;
}

/**
 * Sorts out what the alerts of one transaction mean, in the order they came, from what the store knows. Nothing is
 * read or written here. The same occurrence delivered again, as by an HA pair, is one alert.
 */
export class Batch {
  /** What is to be written of alerts. */
  readonly occurrences = new Map<string, Occurrence>();
  /** Earlier occurrences that turn out to be over. */
  readonly ended: KnownAlert[] = [];
  readonly #options: BatchOptions;
  readonly #known: ReadonlyMap<string, KnownAlert>;
  readonly #firing: ReadonlyMap<string, KnownAlert[]>;
  readonly #incidents: ReadonlyMap<string, KnownIncident>;
  readonly #joinable: ReadonlyMap<string | null, KnownIncident>;
  readonly #affected = new Map<string, Affected>();
  readonly #open = new Map<string, Affected>();

  /** @param incidents those of the known alerts, and the open ones that alerts of the batch may join */
  constructor(options: BatchOptions, alerts: readonly KnownAlert[], incidents: readonly KnownIncident[]) {
    this.#options = options;
    this.#known = new Map(alerts.map((alert) => [occurrenceOf(alert), alert]));
    const firing = alerts.filter(({ status }) => status === 'firing');
    this.#firing = Map.groupBy(firing, ({ fingerprint }) => fingerprint);
    this.#incidents = new Map(incidents.map((incident) => [incident.id, incident]));
    const open = incidents.filter((incident) => incident.open);
    this.#joinable = new Map(open.map((incident) => [incident.joinKey, incident]));
  }

  /** The incidents to write, those that are opened included. */
  get affected(): ReadonlySet<Affected> {
    return new Set([...this.#affected.values(), ...this.#open.values()]);
  }

  add(identified: IdentifiedAlert): { outcome: Outcome; incident: Affected | null } {
    const { status } = identified.alert;
    const before = this.#before(identified);
    if (before) before.deliveries++;
    let outcome: Outcome;
    if (status === 'firing') outcome = before ? this.#repeats(identified, before) : this.#begins(identified);
    else outcome = before ? this.#ends(identified, before) : this.#endsUnseen(identified);
    return { outcome, incident: this.occurrences.get(identified.occurrence)?.incident ?? null };
  }

  /** The occurrence as the store or this batch has it so far. */
  #before(identified: IdentifiedAlert): Occurrence | null {
    const { occurrence } = identified;
    const here = this.occurrences.get(occurrence);
    if (here) return here;
    const known = this.#known.get(occurrence);
    const incident = known && this.#incidents.get(known.incident);
    if (!incident) return null;
    const { status, endsAt } = known;
    const affected = this.#affect(incident, identified);
    const found: Occurrence = { identified, incident: affected, status, endsAt, deliveries: 0 };
    this.occurrences.set(occurrence, found);
    return found;
  }

  #begins(identified: IdentifiedAlert): Outcome {
    const open = this.#toJoin(identified);
    this.#count(identified, open ?? this.#opens(identified));
    return open ? 'joined' : 'opened';
  }

  #repeats(identified: IdentifiedAlert, before: Occurrence): Outcome {
    if (before.status === 'firing') this.#lookForStillFiring(identified, before.incident);
    else if (this.#firesAgain(identified)) return this.#beginsAgain(identified, before);
    return 'repeated';
  }

  #firesAgain({ occurrence }: IdentifiedAlert): boolean {
    const known = this.#known.get(occurrence);
    return known?.status === 'resolved' && this.#options.now - known.updatedAt > LATE_MS;
  }

  #beginsAgain(identified: IdentifiedAlert, before: Occurrence): Outcome {
    before.status = 'firing';
    before.endsAt = null;
    const open = before.incident.open ? before.incident : this.#toJoin(identified);
    const incident = open ?? this.#opens(identified);
    if (incident !== before.incident) incident.added++;
    before.incident = incident;
    incident.writeDown(identified);
    return open ? 'joined' : 'opened';
  }

  /** Evidence, and not the end: verify decides. */
  #ends(identified: IdentifiedAlert, before: Occurrence): Outcome {
    if (before.status === 'resolved') return 'repeated';
    before.status = 'resolved';
    before.endsAt = identified.alert.endsAt;
    before.incident.resolved = true;
    before.incident.writeDown(identified);
    this.#endEarlier(identified);
    return 'resolved';
  }

  /** The end of an alert whose beginning was never delivered: no news where there is no incident. */
  #endsUnseen(identified: IdentifiedAlert): Outcome {
    this.#endEarlier(identified);
    const open = this.#toJoin(identified);
    if (!open) return 'ignored';
    this.#count(identified, open);
    open.resolved = true;
    return 'resolved';
  }

  /** A label set fires once at a time: what of it began before this end is over as well. */
  #endEarlier(identified: IdentifiedAlert): void {
    const { fingerprint, startsAt, endsAt } = identified.alert;
    const firing = this.#firing.get(fingerprint) ?? [];
    for (const earlier of firing.filter((one) => one.startsAt < startsAt)) {
      const incident = this.#incidents.get(earlier.incident);
      if (!incident || this.occurrences.has(occurrenceOf(earlier))) continue;
      this.ended.push({ ...earlier, endsAt });
      this.#affect(incident, identified).resolved = true;
      firing.splice(firing.indexOf(earlier), 1);
    }
  }

  /** Soon after verify held a repetition is a matter of delay; later it is evidence. */
  #lookForStillFiring(identified: IdentifiedAlert, incident: Affected): void {
    const { known } = incident;
    if (known?.state !== 'resolved' || known.closedAt === null) return;
    if (this.#options.now - known.closedAt >= this.#options.stillFiringMs) incident.stillFiring ??= identified;
  }

  #count(identified: IdentifiedAlert, incident: Affected): void {
    const { status, endsAt } = identified.alert;
    this.occurrences.set(identified.occurrence, { identified, incident, status, endsAt, deliveries: 1 });
    incident.added++;
    incident.writeDown(identified);
  }

  #toJoin(identified: IdentifiedAlert): Affected | null {
    const here = this.#open.get(identified.joinKey);
    const known = this.#joinable.get(identified.joinKey);
    return here ?? (known ? this.#affect(known, identified) : null);
  }

  #opens(identified: IdentifiedAlert): Affected {
    const opened = new Affected(null, identified);
    this.#open.set(identified.joinKey, opened);
    return opened;
  }

  #affect(known: KnownIncident, first: IdentifiedAlert): Affected {
    const before = this.#affected.get(known.id);
    if (before) return before;
    const affected = new Affected(known, first);
    this.#affected.set(known.id, affected);
    if (known.open && known.joinKey !== null) this.#open.set(known.joinKey, affected);
    return affected;
  }
}
