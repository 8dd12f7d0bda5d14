/**
 * A circuit breaker for one tool: it stops calls that would only wait for a dependency that does not answer.
 *
 * closed → open when the tool fails (see `Health`); open → half-open after `OPEN_MS`; half-open → closed after
 * `PROBES_TO_CLOSE` probes were answered, → open when one fails or is late. The pattern is M. Nygard's
 * ("Release It!"); probes let through in growing number are as in Resilience4j and cockatiel.
 *
 * There are no timers: what time has changed is found at the next question. All times are monotonic ms.
 */
import { Health } from './health.ts';

export type BreakerState = 'closed' | 'half-open' | 'open';

/** What a call says of the tool: it answers, it fails, or nothing (a client that left, a refused credential). */
export type Evidence = 'answers' | 'fails' | 'nothing';

/** Short, so that a healed tool is found within seconds; one probe in so long is no load. */
const OPEN_MS = 2000;
const PROBES_TO_CLOSE = 3;
/** A probe that takes longer than this, and than twice what is usual, is taken for failed while it runs on. */
const PATIENCE_MS = 1000;
const MAX_PATIENCE_MS = 10_000;

/** A call let through to see whether the tool answers again. */
export interface Probe {
  readonly at: number;
}

type State =
  /** Calls pass, and their ends are counted. */
  | { readonly kind: 'closed' }
  /** No call passes until then. */
  | { readonly kind: 'open'; readonly until: number }
  /** Probes pass: one, and one more for each that was answered. `waiting` are those not yet judged. */
  | { readonly kind: 'half-open'; answered: number; readonly waiting: Set<Probe> };

export class Breaker {
  readonly #health = new Health();
  readonly #changed: (open: boolean) => void;
  #state: State = { kind: 'closed' };
  #closedAt = Number.NEGATIVE_INFINITY;
  #recoveries = 0;

  /** @param changed told when it opens, and when it closes again; not of the probing in between */
  constructor(changed: (open: boolean) => void = () => {}) {
    this.#changed = changed;
  }

  /** How often the tool was found to answer again. */
  get recoveries(): number {
    return this.#recoveries;
  }

  state(now: number): BreakerState {
    return this.#settle(now).kind;
  }

  /** 0 when a call may pass now; else the milliseconds after which asking again makes sense. */
  waitMs(now: number): number {
    const state = this.#settle(now);
    if (state.kind === 'closed') return 0;
    if (state.kind === 'open') return state.until - now;
    return state.waiting.size <= state.answered ? 0 : PATIENCE_MS;
  }

  /** A call passes, which `waitMs` allowed. Returns a probe when it is one. */
  enter(now: number): Probe | null {
    const state = this.#settle(now);
    if (state.kind !== 'half-open') return null;
    const probe = { at: now };
    state.waiting.add(probe);
    return probe;
  }

  /** A call that began at `startedAt` has ended; `probe` is what `enter` returned for it. */
  ended(now: number, startedAt: number, probe: Probe | null, evidence: Evidence): void {
    const state = this.#settle(now);
    if (evidence === 'answers') this.#health.took(now - startedAt);
    if (probe !== null && state.kind !== 'closed') this.#probed(now, state, probe, evidence);
    else if (state.kind === 'closed' && startedAt >= this.#closedAt && evidence !== 'nothing') {
      this.#health.ended(now, evidence === 'answers');
      if (this.#health.fails(now)) this.#open(now);
    }
  }

  /** Forgets everything, as when an operator takes the breaker over. */
  reset(now: number): void {
    if (this.#state.kind !== 'closed') this.#close(now);
    else this.#health.clear();
  }

  #probed(
    now: number,
    state: Extract<State, { kind: 'open' | 'half-open' }>,
    probe: Probe,
    evidence: Evidence,
  ): void {
    if (evidence === 'answers') {
      // An answer counts also when it is late: a tool that always takes long has to be able to come back.
      const half: Extract<State, { kind: 'half-open' }> =
        state.kind === 'half-open' ? state : { kind: 'half-open', answered: 0, waiting: new Set() };
      half.waiting.delete(probe);
      half.answered += 1;
      this.#state = half;
      if (half.answered >= PROBES_TO_CLOSE) this.#close(now);
    } else if (state.kind === 'half-open' && state.waiting.delete(probe) && evidence === 'fails') {
      this.#open(now);
    }
  }

  #settle(now: number): State {
    let state = this.#state;
    if (state.kind === 'half-open') {
      const due = this.#lateSince(state.waiting);
      // The time to wait counts from when the probe was late, not from when somebody asked.
      if (due <= now) state = this.#open(due);
    }
    if (state.kind === 'open' && state.until <= now) {
      state = this.#state = { kind: 'half-open', answered: 0, waiting: new Set() };
    }
    return state;
  }

  /** When the oldest waiting probe is, or will be, late. */
  #lateSince(waiting: ReadonlySet<Probe>): number {
    for (const { at } of waiting) {
      return at + Math.min(MAX_PATIENCE_MS, Math.max(PATIENCE_MS, 2 * this.#health.usualMs));
    }
    return Number.POSITIVE_INFINITY;
  }

  #open(now: number): State {
    if (this.#state.kind === 'closed') this.#changed(true);
    this.#state = { kind: 'open', until: now + OPEN_MS };
    return this.#state;
  }

  #close(now: number): void {
    this.#state = { kind: 'closed' };
    // What was sent before says nothing of the tool as it is now.
    this.#closedAt = now;
    this.#recoveries += 1;
    this.#health.clear();
    this.#changed(false);
  }
}
