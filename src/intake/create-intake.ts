/**
 * The way in for alerts under load: deliveries that arrive while others are being written wait together and become one
 * durable transaction (a group commit), so that a storm costs the disk no more than a few alerts do. Nothing is
 * acknowledged before it is durable, and what cannot be kept is refused, for Alertmanager to send again.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AllclearError } from '../kernel/index.ts';
import type { Runbook } from '../runbook/index.ts';
import { weightOf } from './clean-text.ts';
import type { IncomingAlert } from './incoming-alert.ts';
import { BATCH, type Delivery, type Intake, type Received, receiveTogether } from './receive.ts';

/** Alerts that wait. One delivery is taken whole when nothing waits, however large it is. */
const MAX_WAITING = 50_000;
/** UTF-16 code units of their labels and annotations, about. */
const MAX_WEIGHT = 64 * 1024 * 1024;

export interface IntakeOptions extends Omit<Intake, 'runbooks'> {
  /** As they are now; read once a transaction. */
  readonly runbooks: () => readonly Runbook[];
}

export interface AlertIntake {
  /**
   * Resolves when all of the alerts are durable. After an error some may be: the same delivery again does no harm.
   * Errors: `E_OVERLOADED` when too many wait, the store cannot be used, or the intake stops.
   */
  accept(alerts: readonly IncomingAlert[], about?: Omit<Delivery, 'alerts'>): Promise<Received[]>;
  /** Alerts that wait to be written. */
  readonly waiting: number;
  /** Takes nothing more; resolves when what was taken is written. */
  stop(): Promise<void>;
}

export function createIntake(options: IntakeOptions): AlertIntake {
  return new GroupCommit(options);
}

/** A part of a delivery that fits into one transaction. */
interface Waiting extends Delivery {
  readonly weight: number;
  readonly resolve: (received: Received[]) => void;
  readonly reject: (error: unknown) => void;
}

class GroupCommit implements AlertIntake {
  readonly #options: IntakeOptions;
  readonly #queue: Waiting[] = [];
  #count = 0;
  #weight = 0;
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#count;
  }

  async accept(alerts: readonly IncomingAlert[], about: Omit<Delivery, 'alerts'> = {}): Promise<Received[]> {
    const weight = alerts.reduce((sum, alert) => sum + weightOf(alert), 0);
    this.#requireRoom(alerts.length, weight);
    // Nothing to wait for: a run that finds an empty queue would end before it has begun.
    if (alerts.length === 0) return [];
    const parts: Promise<Received[]>[] = [];
    for (let from = 0; from < alerts.length; from += BATCH) {
      const part = alerts.slice(from, from + BATCH);
      parts.push(this.#enqueue({ ...about, alerts: part }, (weight * part.length) / alerts.length));
    }
    this.#running ??= this.#run();
    // Each part is waited for: none fails unheard, and an answer means that nothing of it is under way any more.
    const ended = await Promise.allSettled(parts);
    const failed = ended.find((part) => part.status === 'rejected');
    if (failed) throw asRefusal(failed.reason);
    return ended.flatMap((part) => (part.status === 'fulfilled' ? part.value : []));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  #requireRoom(count: number, weight: number): void {
    if (this.#stopped) throw refusal('the server is stopping');
    if (this.#count === 0) return;
    if (this.#count + count <= MAX_WAITING && this.#weight + weight <= MAX_WEIGHT) return;
    throw refusal(`${this.#count} alerts wait to be written already`);
  }

  #enqueue(delivery: Delivery, weight: number): Promise<Received[]> {
    this.#count += delivery.alerts.length;
    this.#weight += weight;
    return new Promise((resolve, reject) => this.#queue.push({ ...delivery, weight, resolve, reject }));
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      // SQLite writes without ever leaving this turn of the event loop: other requests must first be read to be together.
      await nextTurn();
      const group = this.#takeGroup();
      await this.#write(group);
      for (const { alerts, weight } of group) {
        this.#count -= alerts.length;
        this.#weight -= weight;
      }
    }
    this.#running = null;
  }

  #takeGroup(): Waiting[] {
    let count = 0;
    const fits = (next: Waiting) => (count += next.alerts.length) <= BATCH;
    const end = this.#queue.findIndex((next) => !fits(next));
    return this.#queue.splice(0, end === -1 ? this.#queue.length : Math.max(1, end));
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    try {
      const received = await receiveTogether(group, { ...this.#options, runbooks: this.#options.runbooks() });
      for (const [index, one] of group.entries()) one.resolve(received[index]!);
    } catch (error) {
      // Only what is wrong with one of them is worth trying them one by one.
      if (group.length === 1 || isStoreError(error)) for (const one of group) one.reject(error);
      else for (const one of group) await this.#write([one]);
    }
  }
}

const STORE_ERRORS: readonly string[] = [
  'E_STORE_BUSY',
  'E_STORE_DOWN',
  'E_STORE_UNUSABLE',
  'E_STORE_UNKNOWN',
];

function isStoreError(error: unknown): boolean {
  return error instanceof AllclearError && STORE_ERRORS.includes(error.code);
}

/** Alertmanager sends again what is answered 503, and nothing else would help: the store must come back. */
function asRefusal(error: unknown): unknown {
  if (!(error instanceof AllclearError) || !isStoreError(error)) return error;
  return refusal(`the alerts cannot be kept now: ${error.message}`, error);
}

function refusal(what: string, cause?: AllclearError): AllclearError {
  const next = 'Alertmanager sends them again by itself.';
  return new AllclearError('E_OVERLOADED', { what, next, cause });
}
