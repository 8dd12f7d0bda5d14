/**
 * Where levers are asked for: routes each to who moves it, and answers once the change is kept. The board
 * holds the values that the policies read; this holds what outlives the process.
 */
import { AllclearError, type Clock } from '../../kernel/index.ts';
import type { Log } from '../log.ts';
import type { LeverChange } from '../policy/lever-hold.ts';
import type { LeverBoard, LeverState } from '../policy/levers.ts';
import { type KeptLever, noStateFile, openStateFile, type StateFile } from './state-file.ts';

/** A lever as the API answers it. */
export interface DeskLever extends LeverState {
  /** What people must know of it besides: it is held, and a restart would forget it. */
  readonly notice?: string;
}

export class LeverDesk {
  readonly #clock: Clock;
  readonly #board: LeverBoard;
  readonly #log: Log;
  #file: StateFile = noStateFile;

  constructor(clock: Clock, board: LeverBoard, log: Log) {
    this.#clock = clock;
    this.#board = board;
    this.#log = log;
  }

  /**
   * Takes up what was held before a restart, and keeps what is held from now on.
   * Errors: as `openStateFile`.
   */
  async keepIn(path: string): Promise<void> {
    this.#file = await openStateFile(path, this.#clock, this.#log, () => this.#board.held());
    const before = JSON.stringify(this.#file.found);
    for (const lever of this.#file.found) this.#resume(lever);
    if (JSON.stringify(this.#board.held()) !== before) await this.#file.save();
  }

  list(): readonly DeskLever[] {
    return this.#board.list().map((lever) => this.#noticed(lever));
  }

  /** @throws AllclearError `E_NOT_FOUND` (no such lever), `E_BAD_VALUE` */
  get(name: string): DeskLever {
    return this.#noticed(this.#board.get(name));
  }

  /** Resolves once the change is in force and on the disk. Errors: `E_NOT_FOUND`, `E_BAD_VALUE`, `E_LIMIT`. */
  async set(name: string, change: LeverChange): Promise<DeskLever> {
    const lever = this.#board.set(name, change);
    await this.#file.save();
    return this.#noticed(lever);
  }

  /** Back to its base at once. Errors: `E_NOT_FOUND`, `E_BAD_VALUE`. */
  async reset(name: string, actor: string): Promise<DeskLever> {
    const lever = this.#board.reset(name, actor);
    await this.#file.save();
    return this.#noticed(lever);
  }

  /** Gives back every lever that is held for this incident; returns those. */
  async release(incident: string, actor: string): Promise<readonly DeskLever[]> {
    const levers = this.#board.release(incident, actor);
    await this.#file.save();
    return levers.map((lever) => this.#noticed(lever));
  }

  /** The board has changed by itself. */
  boardChanged(): void {
    void this.#file.save();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #resume(lever: KeptLever): void {
    const { name, hold } = lever;
    const { value, actor, reason, incident, until } = hold;
    const entry = { name, value, actor, reason, incident, until };
    if (until <= this.#clock.now()) {
      this.#log({ event: 'lever-expired', ...entry, why: 'its time ended while the guard was down' });
      return;
    }
    try {
      this.#board.resume({ name, hold });
      this.#log({ event: 'lever-resumed', ...entry });
    } catch (error) {
      if (!(error instanceof AllclearError)) throw error;
      this.#log({ event: 'lever-dropped', ...entry, why: error.message });
    }
  }

  #noticed(lever: LeverState): DeskLever {
    const { failure } = this.#file;
    if (lever.held === null || failure === null) return lever;
    return { ...lever, notice: `a restart of the guard would forget this: ${failure}` };
  }
}
