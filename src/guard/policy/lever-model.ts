/** What is told of levers: their state, what happened to them, what is kept and configured. */
import type { Held, HoldRecord } from './lever-hold.ts';

/** One lever as the API lists it. The engine declares the same shape as its port. */
export interface LeverState {
  /** `MAX_SESSIONS`, `TOOL_TIMEOUT_SECONDS[search]`. */
  readonly name: string;
  /** The value in force; '' is off. */
  readonly value: string;
  /** The value it goes back to. */
  readonly base: string;
  /** It has no base of its own, and goes back to what counts for all tools. */
  readonly inherits: boolean;
  /** Set while a live change holds; times are epoch ms. */
  readonly held: Held | null;
}

/** What happened to a lever, for the log. Times are epoch ms. */
export interface LeverEvent {
  readonly event:
    | 'lever-set'
    | 'lever-reset'
    | 'lever-expired'
    | 'lever-released'
    /** The configuration gave it another base, and nobody holds it. */
    | 'lever-rebased';
  readonly at: number;
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly actor: string;
  readonly reason: string;
  readonly incident: string | null;
  readonly until: number | null;
}

/** A lever that is held, as it is kept over a restart. */
export interface HeldLever {
  readonly name: string;
  readonly hold: HoldRecord;
}

/** A base that the configuration changed. */
export interface Rebased {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** Somebody holds it: the new base counts when the hold ends. */
  readonly held: boolean;
}

export type LeverBase = Readonly<Record<string, string | undefined>>;
