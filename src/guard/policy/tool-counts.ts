/** What is counted of tool calls, by tool: the first 200 names have counts of their own, the rest share one. */
import { BoundedNames, OTHER } from './labels.ts';
import { type ToolOutcome, toolOutcomes } from './tool-outcome.ts';

const MAX_NAMES = 200;

export interface ToolCounts {
  readonly label: string;
  readonly ended: Record<ToolOutcome, number>;
  /** Calls that somebody gave up waiting for: the guard at the deadline, or the client. */
  readonly timeouts: { guard: number; client: number };
  retries: number;
  /** Calls that have passed and not ended. */
  inflight: number;
}

export class ToolCountsTable {
  readonly #names = new BoundedNames(MAX_NAMES);
  readonly #counts = new Map<string, ToolCounts>();

  /** The counts of a tool; at 0 from its first call on. @param tool its name, from the wire */
  of(tool: string): ToolCounts {
    const label = this.#names.label(tool) || OTHER;
    let counts = this.#counts.get(label);
    if (!counts) {
      const ended = Object.fromEntries(toolOutcomes.map((outcome) => [outcome, 0])) as ToolCounts['ended'];
      counts = { label, ended, timeouts: { guard: 0, client: 0 }, retries: 0, inflight: 0 };
      this.#counts.set(label, counts);
    }
    return counts;
  }

  all(): IterableIterator<ToolCounts> {
    return this.#counts.values();
  }
}
