import type { AgentsReport } from './messages.ts';

/** Why a call of a tool brought no answer. */
export type CallFailure = 'timeouts' | 'refused' | 'errors';

/** The part of a report that the tally knows. */
export type AgentsTallyReport = Omit<AgentsReport, 'type' | 'loopDelayMs'>;

/** Counts what agents ask, what becomes of it, and how many of them get on with their work. */
export class AgentsTally {
  readonly #agents: number;
  readonly #working = new Set<number>();
  readonly #counters = {
    questions: 0,
    answered: 0,
    givenUp: 0,
    calls: 0,
    timeouts: 0,
    refused: 0,
    errors: 0,
    lookups: 0,
    lookupsLate: 0,
  };
  #lastError = '';

  constructor(agents: number) {
    this.#agents = agents;
  }

  asked(): void {
    this.#counters.questions += 1;
  }

  /** @param agent its number */
  answered(agent: number): void {
    this.#counters.answered += 1;
    this.#working.add(agent);
  }

  /** The agent has waited longer than it waits for one call: it gets on with nothing. */
  stuck(agent: number): void {
    this.#working.delete(agent);
  }

  gaveUp(agent: number): void {
    this.#counters.givenUp += 1;
    this.#working.delete(agent);
  }

  called(): void {
    this.#counters.calls += 1;
  }

  failed(kind: CallFailure, message: string): void {
    this.#counters[kind] += 1;
    if (kind === 'errors') this.#lastError = message.slice(0, 500);
  }

  lookedUp(late: boolean): void {
    this.#counters.lookups += 1;
    if (late) this.#counters.lookupsLate += 1;
  }

  report(): AgentsTallyReport {
    return {
      agents: this.#agents,
      working: this.#working.size,
      ...this.#counters,
      lastError: this.#lastError,
    };
  }
}
