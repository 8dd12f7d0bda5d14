/**
 * Where levers are asked for: routes each to who moves it (the board, or commands), and answers once the
 * change is kept. The board holds the values that the policies read; this holds what outlives the process.
 */
import { AllclearError, type Clock } from '../../kernel/index.ts';
import type { Log } from '../log.ts';
import { refuseOwnListener } from '../own-listener.ts';
import { isLeverName, leverNames } from '../policy/lever-definitions.ts';
import type { LeverChange } from '../policy/lever-hold.ts';
import { type LeverKey, parseKey, unknownLever } from '../policy/lever-key.ts';
import type { LeverBase, LeverState, Rebased } from '../policy/lever-model.ts';
import type { LeverBoard } from '../policy/levers.ts';
import { parseUpstreams } from '../policy/upstream-urls.ts';
import { DrivenLevers } from './driven-levers.ts';
import type { DrivenState } from './driven-model.ts';
import type { Driver, RunCommand } from './driver.ts';
import type { KeptLever, StateFile } from './state-file.ts';

/** How long commands have to end when the guard stops. */
const STOP_GRACE_MS = 3000;

const noStateFile: StateFile = {
  found: [],
  save: () => Promise.resolve(),
  failure: null,
  close: () => Promise.resolve(),
};

/** A lever as the API answers it. */
export interface DeskLever extends LeverState {
  /** Only of levers that commands move. */
  readonly driven?: DrivenState;
  /** What people must know of it besides: it is held, and a restart would forget it. */
  readonly notice?: string;
}

/** The part of the configuration that is about levers. */
export interface LeverSettings {
  /** Base values by name, of built-in levers and of those that commands move. */
  readonly base: LeverBase;
  readonly drivers: readonly Driver[];
}

/** What another configuration changed. */
export interface Reconfigured {
  readonly bases: readonly Rebased[];
  /** Levers whose driver, or base with a driver, is another one now, has come or has gone. */
  readonly drivers: readonly string[];
}

export class LeverDesk {
  readonly #clock: Clock;
  readonly #board: LeverBoard;
  readonly #driven: DrivenLevers;
  readonly #log: Log;
  readonly #stop = new AbortController();
  #file: StateFile = noStateFile;
  /** URLs of the guard's listeners. */
  #own: readonly string[] = [];

  /** @param settings whose bases the board has already */
  constructor(clock: Clock, board: LeverBoard, run: RunCommand, settings: LeverSettings, log: Log) {
    this.#clock = clock;
    this.#board = board;
    this.#log = log;
    const keep = () => this.#file.save();
    this.#driven = new DrivenLevers({ clock, log, run, keep, signal: this.#stop.signal });
    this.#driven.check(settings.drivers, settings.base);
    this.#driven.configure(settings.drivers, settings.base);
  }

  /**
   * Takes up what was held before a restart, and keeps what is held from now on.
   * Errors: as `openStateFile`.
   */
  async keepIn(path: string): Promise<void> {
    // Loaded here: most programs that know levers keep none.
    const { openStateFile } = await import('./state-file.ts');
    this.#file = await openStateFile(path, this.#clock, this.#log, () => this.#kept());
    const before = JSON.stringify(this.#file.found);
    for (const lever of this.#file.found) this.#resume(lever);
    if (JSON.stringify(this.#kept()) !== before) await this.#file.save();
  }

  /**
   * The guard listens there: none of its upstreams, of now or later, may be at one of these URLs.
   * @throws AllclearError `E_BAD_VALUE`
   */
  listensOn(own: readonly string[]): void {
    this.#own = own;
    refuseOwnListener(parseUpstreams(this.#board.get('UPSTREAMS').value), own, '--upstream');
  }

  list(): readonly DeskLever[] {
    const driven = this.#driven.list();
    const own = driven.filter(({ name }) => !isLeverName(parseKey(name).name));
    const builtIn = this.#board.list().flatMap((lever) => {
      const { name } = parseKey(lever.name);
      if (!this.#driven.has(name)) return [lever];
      return lever.name === name ? driven.filter((one) => parseKey(one.name).name === name) : [];
    });
    return [...builtIn, ...own].map((lever) => this.#noticed(lever));
  }

  /** @throws AllclearError `E_NOT_FOUND` (no such lever), `E_BAD_VALUE` */
  get(name: string): DeskLever {
    const key = this.#key(name);
    return this.#noticed(this.#driven.has(key.name) ? this.#driven.get(key) : this.#board.get(name));
  }

  /**
   * Resolves once the change is in force and on the disk.
   * Errors: `E_NOT_FOUND`, `E_BAD_VALUE`, `E_LIMIT`, `E_LEVER_FAILED`, `E_LEVER_UNKNOWN`.
   */
  async set(name: string, change: LeverChange): Promise<DeskLever> {
    const key = this.#key(name);
    if (this.#driven.has(key.name)) return this.#noticed(await this.#driven.set(key, change));
    if (key.name === 'UPSTREAMS') this.#refuseOwn(change.value);
    const lever = this.#board.set(name, change);
    await this.#file.save();
    return this.#noticed(lever);
  }

  /** Back to its base at once. Errors: `E_NOT_FOUND`, `E_BAD_VALUE`, `E_LEVER_FAILED`. */
  async reset(name: string, actor: string): Promise<DeskLever> {
    const key = this.#key(name);
    if (this.#driven.has(key.name)) return this.#noticed(await this.#driven.reset(key, actor));
    const lever = this.#board.reset(name, actor);
    await this.#file.save();
    return this.#noticed(lever);
  }

  /** Gives back every lever that is held for this incident; returns those. */
  async release(incident: string, actor: string): Promise<readonly DeskLever[]> {
    const levers = this.#board.release(incident, actor);
    const [driven] = await Promise.all([this.#driven.release(incident, actor), this.#file.save()]);
    return [...levers, ...driven].map((lever) => this.#noticed(lever));
  }

  /**
   * Another configuration, taken as a whole or not at all.
   * @throws AllclearError `E_BAD_VALUE`, `E_TRANSITION` (a held lever would lose who moves it)
   */
  reconfigure(settings: LeverSettings): Reconfigured {
    const taken = settings.drivers.find(
      ({ name }) =>
        !this.#driven.has(name) && this.#board.held().some((one) => parseKey(one.name).name === name),
    );
    if (taken) {
      throw new AllclearError('E_TRANSITION', {
        what: `${taken.name} is held, and the configuration gives it a driver`,
        next: `Give it back first: allclear lever reset ${taken.name}`,
      });
    }
    this.#driven.check(settings.drivers, settings.base);
    const base = boardBase(settings);
    this.#refuseOwn(base['UPSTREAMS'] ?? '');
    const bases = this.#board.rebase(base, 'configuration');
    return { bases, drivers: this.#driven.configure(settings.drivers, settings.base) };
  }

  /** The board has changed by itself. */
  boardChanged(): void {
    void this.#file.save();
  }

  /** Stops running commands; what they had done is then unknown, and found so by the next start. */
  async close(): Promise<void> {
    const cancel = this.#clock.after(STOP_GRACE_MS, () => this.#stop.abort());
    await this.#driven.close();
    cancel();
    await this.#file.close();
  }

  #refuseOwn(upstreams: string): void {
    refuseOwnListener(parseUpstreams(upstreams), this.#own, 'UPSTREAMS');
  }

  #key(name: string): LeverKey {
    const key = parseKey(name);
    if (isLeverName(key.name) || this.#driven.has(key.name)) return key;
    throw unknownLever(key.name, [...new Set([...leverNames, ...this.#driven.names])]);
  }

  #kept(): readonly KeptLever[] {
    return [...this.#board.held(), ...this.#driven.kept()];
  }

  #resume(lever: KeptLever): void {
    const { name, hold, driven } = lever;
    const { value, actor, reason, incident, until } = hold;
    const entry = { name, value, actor, reason, incident, until };
    try {
      const key = this.#key(name);
      if (this.#driven.has(key.name) !== (driven !== undefined)) throw strangeDriver(driven !== undefined);
      if (driven) {
        this.#driven.resume(key, lever);
      } else if (until <= this.#clock.now()) {
        this.#log({ event: 'lever-expired', ...entry, why: 'its time ended while the guard was down' });
        return;
      } else {
        this.#board.resume({ name, hold });
      }
      this.#log({ event: 'lever-resumed', ...entry });
    } catch (error) {
      if (!(error instanceof AllclearError)) throw error;
      this.#log({ event: 'lever-dropped', ...entry, why: error.message });
    }
  }

  #noticed(lever: DeskLever): DeskLever {
    const { failure } = this.#file;
    if (lever.held === null || failure === null) return lever;
    return { ...lever, notice: `a restart of the guard would forget this: ${failure}` };
  }
}

/** The bases of those levers that the guard holds itself. */
export function boardBase({ base, drivers }: LeverSettings): LeverBase {
  const driven = new Set(drivers.map(({ name }) => name));
  return Object.fromEntries(Object.entries(base).filter(([key]) => !driven.has(key.replace(/\[.*$/s, ''))));
}

function strangeDriver(was: boolean): AllclearError {
  return new AllclearError('E_BAD_VALUE', {
    what: was
      ? 'a command had set it, and none is configured for it now: give it back by hand'
      : 'the guard had set it itself, and a command is configured for it now',
  });
}
