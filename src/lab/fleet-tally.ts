import type { FleetReport } from './messages.ts';

/** Where a client stands: not started, in a handshake, with a working session, or waiting to try again. */
export type HostState = 'idle' | 'connecting' | 'connected' | 'lost';

/** Why a handshake failed. */
export type FailureKind = 'timeouts' | 'refused' | 'rejected' | 'errors';

/** The part of a report that the tally knows. */
export type TallyReport = Omit<FleetReport, 'type' | 't' | 'cpuSeconds' | 'loopDelayMs'>;

/** Counts the states of a fleet's clients and what happened to them. */
export class FleetTally {
  readonly #states: Record<HostState, number>;
  readonly #counters = {
    attempts: 0,
    handshakes: 0,
    losses: 0,
    timeouts: 0,
    refused: 0,
    rejected: 0,
    errors: 0,
    calls: 0,
    callErrors: 0,
  };
  #lastError = '';
  readonly #clients: number;

  constructor(clients: number) {
    this.#clients = clients;
    this.#states = { idle: clients, connecting: 0, connected: 0, lost: 0 };
  }

  /** A client goes from one state to another; entering `connecting` is an attempt, entering `connected` a finished handshake, leaving `connected` for `lost` a loss. */
  moved(from: HostState, to: HostState): void {
    this.#states[from] -= 1;
    this.#states[to] += 1;
    if (to === 'connecting') this.#counters.attempts += 1;
    if (to === 'connected') this.#counters.handshakes += 1;
    if (from === 'connected' && to === 'lost') this.#counters.losses += 1;
  }

  failed(kind: FailureKind, message: string): void {
    this.#counters[kind] += 1;
    if (kind === 'errors') this.#lastError = message.slice(0, 500);
  }

  called(answered: boolean): void {
    this.#counters.calls += 1;
    if (!answered) this.#counters.callErrors += 1;
  }

  report(): TallyReport {
    return { clients: this.#clients, ...this.#states, ...this.#counters, lastError: this.#lastError };
  }
}
