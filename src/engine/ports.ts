/** What the engine needs from outside, declared here and wired in src/app. */

/** One live control of the running system, as the guard's API lists it. */
export interface LeverState {
  /** `MAX_INIT_PER_SECOND`, or per tool `TOOL_TIMEOUT_SECONDS[search]`. */
  readonly name: string;
  /** The value in force; an empty string means off or unset. */
  readonly value: string;
  /** The value it had at start, and goes back to. */
  readonly base: string;
  /** Set while a live change holds. */
  readonly held: {
    readonly actor: string;
    readonly reason: string;
    /** The incident it was set for, if any. */
    readonly incident: string | null;
    readonly setAt: number;
    /** Epoch ms at which it returns to `base`. */
    readonly until: number;
  } | null;
}

/** The levers of the running system. Errors: `E_UNREACHABLE`, `E_UNAUTHORIZED`, `E_BAD_VALUE`, `E_NOT_FOUND`. */
export interface Levers {
  list(): Promise<readonly LeverState[]>;
  /** Gives back every lever that is held for this incident. */
  release(incident: string, actor: string): Promise<readonly LeverState[]>;
}
