import type { SignedInFleetReport } from './messages.ts';

/**
 * Where a client stands: not started; with a credential and before its first round of calls; after a round
 * that succeeded; after one that did not; without a credential, waiting for somebody to log in.
 */
export type SignedInState = 'idle' | 'connecting' | 'connected' | 'failing' | 'signedOut';

/** What is counted beside the states. */
export type Counted =
  | 'rounds'
  | 'roundsDone'
  | 'logIns'
  | 'logInsRefused'
  | 'signedInAnew'
  | 'calls'
  | 'callErrors';

/** Counts the states of the clients and what happened to them. */
export class SignedInTally {
  readonly #clients: number;
  readonly #states: Record<SignedInState, number>;
  readonly #counters: Record<Counted | 'losses', number> = {
    rounds: 0,
    roundsDone: 0,
    losses: 0,
    logIns: 0,
    logInsRefused: 0,
    signedInAnew: 0,
    calls: 0,
    callErrors: 0,
  };
  #lastError = '';

  constructor(clients: number) {
    this.#clients = clients;
    this.#states = { idle: clients, connecting: 0, connected: 0, failing: 0, signedOut: 0 };
  }

  /** A client goes from one state to another; entering `signedOut` is the loss of a credential. */
  moved(from: SignedInState, to: SignedInState): void {
    this.#states[from] -= 1;
    this.#states[to] += 1;
    if (to === 'signedOut' && from !== 'signedOut') this.#counters.losses += 1;
  }

  count(what: Counted, by = 1): void {
    this.#counters[what] += by;
  }

  failed(message: string): void {
    this.#lastError = message.slice(0, 500);
  }

  report(): Omit<SignedInFleetReport, 'type' | 't' | 'cpuSeconds' | 'loopDelayMs'> {
    return { clients: this.#clients, ...this.#states, ...this.#counters, lastError: this.#lastError };
  }
}
