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
  readonly fingerprint: string;
  readonly startsAt: number;
  /** As it was delivered last; null: not in this batch. */
  identified: IdentifiedAlert | null;
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
  readonly #occurrences = new Map<string, Occurrence>();
  readonly #byFingerprint = new Map<string, Occurrence[]>();
  readonly #options: BatchOptions;
  readonly #known: ReadonlyMap<string, KnownAlert>;
  readonly #firing: ReadonlyMap<string, readonly KnownAlert[]>;
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

  /** What is to be written of alerts. */
  get occurrences(): readonly Occurrence[] {
    return [...this.#occurrences.values()];
  }

  add(identified: IdentifiedAlert): { outcome: Outcome; incident: Affected | null } {
    const { status } = identified.alert;
    const before = this.#find(identified);
    if (before) {
      before.identified = identified;
      before.deliveries++;
    }
    let outcome: Outcome;
    if (status === 'firing') outcome = before ? this.#repeats(identified, before) : this.#begins(identified);
    else outcome = before ? this.#ends(identified, before) : this.#endsUnseen(identified);
    return { outcome, incident: this.#occurrences.get(identified.occurrence)?.incident ?? null };
  }

  /** The occurrence as this batch or the store has it so far. */
  #find(identified: IdentifiedAlert): Occurrence | null {
    const here = this.#occurrences.get(identified.occurrence);
    const known = this.#known.get(identified.occurrence);
    return here ?? (known ? this.#take(known, identified) : null);
  }

  #take(known: KnownAlert, first: IdentifiedAlert): Occurrence | null {
    const incident = this.#incidents.get(known.incident);
    if (!incident) return null;
    const { fingerprint, startsAt, status, endsAt } = known;
    const affected = this.#affect(incident, first);
    const taken = {
      fingerprint,
      startsAt,
      identified: null,
      incident: affected,
      status,
      endsAt,
      deliveries: 0,
    };
    return this.#keep(taken);
  }

  #keep(occurrence: Occurrence): Occurrence {
    this.#occurrences.set(occurrenceOf(occurrence), occurrence);
    const same = this.#byFingerprint.get(occurrence.fingerprint);
    if (same) same.push(occurrence);
    else this.#byFingerprint.set(occurrence.fingerprint, [occurrence]);
    return occurrence;
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
    for (const known of this.#firing.get(fingerprint) ?? []) {
      const here = this.#occurrences.has(occurrenceOf(known));
      if (known.startsAt < startsAt && !here) this.#take(known, identified);
    }
    for (const earlier of this.#byFingerprint.get(fingerprint) ?? []) {
      if (earlier.status !== 'firing' || earlier.startsAt >= startsAt) continue;
      earlier.status = 'resolved';
      earlier.endsAt = endsAt;
      earlier.incident.resolved = true;
    }
  }

  /** Soon after verify held a repetition is a matter of delay; later it is evidence. */
  #lookForStillFiring(identified: IdentifiedAlert, incident: Affected): void {
    const { known } = incident;
    if (known?.state !== 'resolved' || known.closedAt === null) return;
    if (this.#options.now - known.closedAt >= this.#options.stillFiringMs)
      incident.stillFiring ??= identified;
  }

  #count(identified: IdentifiedAlert, incident: Affected): void {
    const { fingerprint, startsAt, status, endsAt } = identified.alert;
    this.#keep({ fingerprint, startsAt, identified, incident, status, endsAt, deliveries: 1 });
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
