/**
 * One lever that commands move. Its life:
 *
 * settled → setting → settled (it took effect, and is held; or the command failed, and all is as it was)
 *                   → unknown (the command was killed: held all the same, until `read` tells or its time ends)
 * held → returning (its time ended, or somebody gave it back) → settled, or overdue: tried again until it succeeds
 *
 * Each step is kept before its command runs, so a guard that dies in the middle finds it again as `unknown`.
 * A `set` runs at most once per change; a `reset` must do no harm when it is repeated.
 */
import { Hold, type HoldRecord, heldOf, type LeverChange, needed, newHold } from '../policy/lever-hold.ts';
import { keyText, type LeverKey } from '../policy/lever-key.ts';
import {
  type DrivenLeverState,
  type DrivenPort,
  type DrivenState,
  failed,
  notReturned,
  unknown,
} from './driven-model.ts';
import {
  type Cause,
  type CommandEnd,
  type Driver,
  type DriverAction,
  driverRun,
  readingOf,
} from './driver.ts';
import type { Serial } from './serial.ts';
import type { Due, KeptLever } from './state-file.ts';

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;
const NOBODY: Cause = { actor: 'guard', reason: 'reading', incident: null };

export class DrivenLever {
  readonly key: LeverKey;
  readonly #port: DrivenPort;
  readonly #serial: Serial;
  #driver: Driver;
  /** From the configuration; null: none, and what was read before the first change is gone back to. */
  #configured: string | null;
  #learned: string | null = null;
  #hold: Hold | null = null;
  /** The change that a running `set` makes. */
  #setting: HoldRecord | null = null;
  /** Changes that wait or run. */
  #asked = 0;
  #doubt = false;
  #due: Due | null = null;
  #attempts = 0;
  #failure: string | null = null;
  #reads: DrivenState['reads'] = null;
  /** What was told last of value and reading that differ. */
  #drift: string | null = null;
  #cancelRetry: () => void = () => {};

  constructor(port: DrivenPort, driver: Driver, key: LeverKey, base: string | null, serial: Serial) {
    this.#port = port;
    this.#driver = driver;
    this.key = key;
    this.#configured = base;
    this.#serial = serial;
  }

  /** Another configuration; it counts from the next command on. */
  configure(driver: Driver, base: string | null): void {
    this.#driver = driver;
    this.#configured = base;
  }

  /** Somebody holds it, or is about to. */
  get held(): boolean {
    return this.#hold !== null || this.#asked > 0;
  }

  /** Of one tool, and neither configured nor held. */
  get idle(): boolean {
    return this.key.tool !== null && this.#configured === null && !this.held;
  }

  get incident(): string | null {
    return this.#hold?.record.incident ?? null;
  }

  get state(): DrivenLeverState {
    const base = this.#base ?? (this.#hold ? '' : (this.#reads?.value ?? ''));
    return {
      name: keyText(this.key),
      value: this.#hold?.record.value ?? base,
      base,
      inherits: false,
      held: heldOf(this.#hold),
      driven: { state: this.#phase, reads: this.#reads, failure: this.#failure },
    };
  }

  /** As it has to be found after a restart; null when nothing holds it. */
  get kept(): KeptLever | null {
    const hold = this.#setting ?? this.#hold?.record;
    if (!hold) return null;
    const driven = {
      base: this.#learned,
      doubt: this.#setting !== null || this.#doubt,
      due: this.#setting ? null : this.#due,
    };
    return { name: keyText(this.key), hold, driven };
  }

  /** Errors: `E_BAD_VALUE`, `E_LIMIT`, `E_LEVER_FAILED` (it is as it was), `E_LEVER_UNKNOWN`. */
  async set(change: LeverChange): Promise<DrivenLeverState> {
    const value = this.#driver.parse(change.value);
    newHold(this.#port.clock, change, value);
    this.#asked += 1;
    try {
      return await this.#serial.run(() => this.#set(change, value));
    } finally {
      this.#asked -= 1;
    }
  }

  /** Gives it back at once; nothing happens when nobody holds it. Errors: `E_LEVER_FAILED`; it is tried again. */
  async giveBack(event: Due['event'], actor: string, reason: string): Promise<DrivenLeverState> {
    const due = { event, actor: needed('actor', actor), reason };
    return this.#serial.run(async () => {
      if (!this.#hold) return this.state;
      this.#due = due;
      const why = await this.#return();
      if (why === null) return this.state;
      throw notReturned(this.key, why);
    });
  }

  /** Takes up what was kept before a restart; what has ended meanwhile is given back now. */
  resume({ hold, driven }: KeptLever): void {
    this.#learned = driven?.base ?? null;
    this.#take({ ...hold, value: this.#driver.parse(hold.value) });
    this.#doubt = driven?.doubt ?? false;
    if (!driven?.due) return;
    this.#due = driven.due;
    this.#hold?.cancel();
    this.#again(0);
  }

  /** Reads the value in force, unless commands of this lever are running anyway. */
  async look(): Promise<void> {
    if (this.#serial.idle) await this.#serial.run(() => this.#look());
  }

  close(): void {
    this.#hold?.cancel();
    this.#cancelRetry();
  }

  get #base(): string | null {
    return this.#configured ?? this.#learned;
  }

  get #phase(): DrivenState['state'] {
    if (this.#setting) return 'setting';
    if (this.#due) return this.#attempts > 0 ? 'overdue' : 'returning';
    return this.#doubt ? 'unknown' : 'settled';
  }

  async #set(change: LeverChange, value: string): Promise<DrivenLeverState> {
    if (!this.#hold && this.#configured === null) {
      await this.#look();
      this.#learned = this.#reads?.value ?? null;
    }
    const record = newHold(this.#port.clock, change, value);
    const from = this.state.value;
    this.#setting = record;
    await this.#port.keep();
    const end = await this.#command('set', record.value, record);
    this.#setting = null;
    this.#failure = end.kind === 'ok' ? null : `set ${end.why}`;
    if (end.kind === 'failed') {
      await this.#port.keep();
      this.#tell('lever-set-failed', from, from, record, end.why);
      this.#lookSoon();
      throw failed(this.key, end);
    }
    this.#take(record);
    this.#doubt = end.kind === 'unknown';
    await this.#port.keep();
    this.#tell(this.#doubt ? 'lever-unknown' : 'lever-set', from, record.value, record, end.why);
    // After a change that is certain, its answer need not wait for the reading.
    if (this.#doubt) await this.#look();
    else this.#lookSoon();
    if (end.kind === 'ok' || this.#reads?.value === record.value) return this.state;
    throw unknown(this.key, end, this.#driver.read === null ? null : this.#reads);
  }

  #take(record: HoldRecord): void {
    this.#letGo();
    const hold: Hold = new Hold(this.#port.clock, record, () => this.#expire(hold));
    this.#hold = hold;
  }

  /** Nothing is due any more, of what was held so far. */
  #letGo(): void {
    this.#hold?.cancel();
    this.#cancelRetry();
    this.#hold = null;
    this.#due = null;
    this.#doubt = false;
    this.#attempts = 0;
  }

  #expire(hold: Hold): void {
    const task = async () => {
      // A newer change, or somebody who gave it back, was faster.
      if (this.#hold !== hold || this.#due) return;
      const { actor, reason } = hold.record;
      this.#due = { event: 'lever-expired', actor, reason: `time to live ended (${reason})` };
      await this.#return();
    };
    this.#serial.run(task).catch(() => this.#port.clock.after(FIRST_RETRY_MS, () => this.#expire(hold)));
  }

  /** Runs `reset` for what is due. @returns why it failed, null when it is back */
  async #return(): Promise<string | null> {
    const { event, ...by } = this.#due!;
    const cause = { ...by, incident: this.incident };
    const from = this.state.value;
    this.#hold?.cancel();
    this.#cancelRetry();
    await this.#port.keep();
    const action = this.#driver.reset === null ? 'set' : 'reset';
    const end = await this.#command(action, this.#base ?? '', cause);
    if (end.kind !== 'ok') {
      this.#attempts += 1;
      this.#failure = `reset ${end.why}`;
      this.#tell('lever-overdue', from, this.#base ?? '', cause, end.why);
      this.#again(Math.min(FIRST_RETRY_MS * 2 ** (this.#attempts - 1), LAST_RETRY_MS));
      return end.why;
    }
    this.#letGo();
    this.#failure = null;
    await this.#port.keep();
    await this.#look();
    this.#tell(event, from, this.state.value, cause, '');
    return null;
  }

  /** Tries later to give back what is due, if it still is. */
  #again(ms: number): void {
    if (this.#port.signal.aborted) return;
    this.#cancelRetry = this.#port.clock.after(ms, () => {
      const task = async () => void (this.#due && (await this.#return()));
      this.#serial.run(task).catch(() => this.#again(FIRST_RETRY_MS));
    });
  }

  async #look(): Promise<void> {
    if (this.#driver.read === null || this.#port.signal.aborted) return;
    const end = await this.#command('read', this.state.value, NOBODY);
    if (end.kind !== 'ok') {
      this.#reads = null;
      this.#failure ??= `read ${end.why}`;
      return;
    }
    if (this.#failure?.startsWith('read ')) this.#failure = null;
    const value = readingOf(this.#driver, end.stdout);
    this.#reads = { value, at: this.#port.clock.now() };
    const wanted = this.#hold?.record.value ?? this.#base ?? value;
    if (this.#doubt) {
      this.#doubt = false;
      void this.#port.keep();
      if (value === wanted) this.#tell('lever-set', '', value, this.#hold!.record, 'it was read');
    }
    const drift = value === wanted ? null : `${wanted} ${value}`;
    // Told once, and again when it is another.
    if (drift !== null && drift !== this.#drift) {
      this.#tell('lever-drifts', wanted, value, this.#hold?.record ?? NOBODY, '');
    }
    this.#drift = drift;
  }

  #lookSoon(): void {
    // One too many in the queue: the regular reading comes anyway.
    this.#serial.run(() => this.#look()).catch(() => {});
  }

  #command(action: DriverAction, value: string, cause: Cause): Promise<CommandEnd> {
    const { run, signal } = this.#port;
    if (signal.aborted) return Promise.resolve({ kind: 'failed', stdout: '', why: 'the guard stops' });
    return run(driverRun(this.#driver, this.key, action, value, cause, signal));
  }

  #tell(event: string, from: string, to: string, cause: Cause & { until?: number }, why: string): void {
    const { actor, reason, incident, until = null } = cause;
    const at = this.#port.clock.now();
    const name = keyText(this.key);
    this.#port.log({ event, at, name, from, to, actor, reason, incident, until, why: why || null });
  }
}
