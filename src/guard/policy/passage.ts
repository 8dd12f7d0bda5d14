/** One tool call on its way: who makes it, its deadline, and its end. */
import type { Clock } from '../../kernel/index.ts';
import type { Probe } from './breaker.ts';
import type { CallKeys } from './call-key.ts';
import type { Place } from './in-flight.ts';

/** Who makes a call. From the wire, so it is held only while a call is in progress. */
export interface Caller {
  /** A session id, a hashed credential, or an address; '' when nothing tells callers apart. */
  readonly key: string;
  /** Others may come under the same key: two equal calls at the same time are then two calls. */
  readonly shared: boolean;
}

/** A tool call at the door. */
export interface ToolRequest {
  /** From the wire. */
  readonly tool: string;
  readonly params: Readonly<Record<string, unknown>> | null;
  readonly caller: Caller;
  /** The deadline has come: the call must be given up, and the passage ended with `timeout`. */
  expired(): void;
}

/** How a call came in. */
export interface Entry {
  /** Monotonic ms. */
  readonly startedAt: number;
  readonly probe: Probe | null;
  /** It was charged to the retry budget. */
  readonly retry: boolean;
  /** How often its tool had recovered by then. */
  readonly recoveries: number;
}

/** A tool call that passed and has not ended. */
export class Passage {
  readonly entry: Entry;
  /** Where it is kept while it runs. */
  place: Place<Passage> | null = null;
  readonly #clock: Clock;
  readonly #request: ToolRequest;
  readonly #onEnd: (passage: Passage, error: string | null) => void;
  #key: string | null = null;
  #timeoutSeconds = 0;
  #cancelDeadline = nothing;
  #over = false;

  /** @param onEnd called once; with null when the call was not made after all */
  constructor(
    clock: Clock,
    request: ToolRequest,
    entry: Entry,
    onEnd: (passage: Passage, error: string | null) => void,
  ) {
    this.#clock = clock;
    this.#request = request;
    this.entry = entry;
    this.#onEnd = onEnd;
  }

  get tool(): string {
    return this.#request.tool;
  }

  get caller(): Caller {
    return this.#request.caller;
  }

  /** Seconds that the call may take, from its start; 0: no limit. */
  get timeoutSeconds(): number {
    return this.#timeoutSeconds;
  }

  /** What the same call has in common with this one. */
  key(keys: CallKeys): string {
    const { caller, tool, params } = this.#request;
    return (this.#key ??= keys.ofCall(caller.key, tool, params));
  }

  limit(timeoutSeconds: number): void {
    if (this.#over || timeoutSeconds === this.#timeoutSeconds) return;
    this.#timeoutSeconds = timeoutSeconds;
    this.#cancelDeadline();
    this.#cancelDeadline = nothing;
    if (timeoutSeconds === 0) return;
    const leftMs = this.entry.startedAt + timeoutSeconds * 1000 - this.#clock.monotonic();
    this.#cancelDeadline = this.#clock.after(Math.max(0, leftMs), () => this.#request.expired());
  }

  /** The call has ended; further ends are ignored. @param error as in the label `error_type`, '' for success */
  ended(error: string): void {
    this.#end(error);
  }

  /** The call is not made after all: it counts for nothing. */
  withdraw(): void {
    this.#end(null);
  }

  #end(error: string | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelDeadline();
    this.#onEnd(this, error);
  }
}

function nothing(): void {}
