/**
 * Which tool calls pass. In front of each tool stand, in this order, a breaker, a budget for retries and a
 * bulkhead; behind them a deadline. A call enters, and gets a passage or a refusal; a passage ends once.
 *
 * All of it follows the levers of the tool, also for calls that are already in progress.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../kernel/index.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import { CallKeys } from './call-key.ts';
import { FailedCalls, RETRY_WINDOW_MS } from './failed-calls.ts';
import { InFlight } from './in-flight.ts';
import { OTHER } from './labels.ts';
import type { ToolLimits } from './lever-values.ts';
import { type Caller, Passage, type ToolRequest } from './passage.ts';
import { RetryBudget } from './retry-budget.ts';
import { type ToolCounts, ToolCountsTable } from './tool-counts.ts';
import { refusalOutcome, type ToolEnd, toolEnd } from './tool-outcome.ts';

/** Tools with a state of their own; beyond, the one that was not called for longest is forgotten. */
const MAX_TOOLS = 2000;
/** Longer names share one state. */
const MAX_NAME_LENGTH = 128;

export interface ToolRefusal {
  /** `held`: an operator keeps the breaker open. */
  readonly why: 'breaker' | 'held' | 'busy' | 'retry';
  /** Whole seconds, jittered. */
  readonly retryAfter: number;
}

interface Tool {
  readonly name: string;
  readonly counts: ToolCounts;
  readonly breaker: Breaker;
  readonly budget: RetryBudget;
  running: number;
  readonly onEnd: (passage: Passage, error: string | null) => void;
  /** Until then some failed call of this tool may be remembered. Monotonic ms. */
  failuresUntil: number;
}

export class Tools {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #limits: (tool: string) => ToolLimits;
  readonly #notice: (news: { readonly tool: string; readonly open: boolean }) => void;
  readonly #tools = new LRUCache<string, Tool>({ max: MAX_TOOLS });
  readonly #counts = new ToolCountsTable();
  readonly #keys = new CallKeys();
  readonly #failed = new FailedCalls();
  /** By caller. */
  readonly #running = new InFlight<Passage>();

  /**
   * @param random gives [0, 1)
   * @param limits the levers in force for a tool, asked at each call
   * @param notice told when the breaker of a tool opens, and when it closes; the probing in between is no news
   */
  constructor(
    clock: Clock,
    random: () => number,
    limits: (tool: string) => ToolLimits,
    notice: (news: { readonly tool: string; readonly open: boolean }) => void,
  ) {
    this.#notice = notice;
    this.#clock = clock;
    this.#random = random;
    this.#limits = limits;
  }

  enter(request: ToolRequest): Passage | ToolRefusal {
    const now = this.#clock.monotonic();
    const tool = this.#tool(request.tool);
    const limits = this.#limits(request.tool);
    const retry = this.#isRetry(now, tool, request);
    if (retry !== 'no') tool.counts.retries += 1;
    const refusal = this.#refusal(now, tool, limits, retry === 'yes');
    if (refusal) {
      tool.counts.ended[refusalOutcome(refusal.why)] += 1;
      return refusal;
    }
    tool.budget.passed(now, retry === 'yes');
    const entry = {
      startedAt: now,
      probe: limits.breaker === 'auto' ? tool.breaker.enter(now) : null,
      retry: retry === 'yes',
      recoveries: tool.breaker.recoveries,
    };
    const passage = new Passage(this.#clock, request, entry, tool.onEnd);
    this.#admit(tool, passage);
    passage.limit(limits.timeoutSeconds);
    return passage;
  }

  /** The levers have changed: calls in progress get their new deadline. */
  update(): void {
    // A limit only sets a timer: nothing ends meanwhile.
    for (const passage of this.#running.values()) {
      passage.limit(this.#limits(passage.tool).timeoutSeconds);
    }
  }

  /** When a call that ran into its deadline may sensibly be made again; whole seconds, jittered. */
  secondsAfterTimeout(): number {
    return this.#seconds(2, 4);
  }

  /** For the keyed hash of what must not be kept. */
  hash(text: string): string {
    return this.#keys.of(text);
  }

  /** What was counted, by label. */
  counts(): Iterable<ToolCounts> {
    return this.#counts.all();
  }

  /** The breakers' states by label; several tools may share one. */
  *breakers(): Iterable<{ readonly label: string; readonly state: BreakerState }> {
    const now = this.#clock.monotonic();
    for (const tool of this.#tools.values()) {
      const mode = this.#limits(tool.name).breaker;
      yield { label: tool.counts.label, state: mode === 'auto' ? tool.breaker.state(now) : mode };
    }
  }

  #refusal(now: number, tool: Tool, limits: ToolLimits, retry: boolean): ToolRefusal | null {
    if (limits.breaker === 'open') return { why: 'held', retryAfter: this.#seconds(30, 30) };
    if (limits.breaker === 'closed') tool.breaker.reset(now);
    const waitMs = tool.breaker.waitMs(now);
    if (waitMs > 0) return { why: 'breaker', retryAfter: this.#seconds(Math.ceil(waitMs / 1000), 3) };
    if (retry && !this.#mayRetry(now, tool, limits)) return { why: 'retry', retryAfter: this.#seconds(3, 3) };
    if (limits.maxConcurrency > 0 && tool.running >= limits.maxConcurrency) {
      return { why: 'busy', retryAfter: this.#seconds(1, 3) };
    }
    return null;
  }

  /** Where retries are all that comes, a probe must be one; it is charged to the budget all the same. */
  #mayRetry(now: number, tool: Tool, { retryBudget }: ToolLimits): boolean {
    if (retryBudget === null) return true;
    const probing = retryBudget > 0 && tool.breaker.state(now) === 'half-open';
    return probing || tool.budget.allows(now, retryBudget);
  }

  /**
   * Whether this is a call made again that failed, timed out or was cancelled in the last two minutes, or that
   * still runs. After a success it is polling. `late`: the tool has recovered since, so nothing speaks against it.
   */
  #isRetry(now: number, tool: Tool, { caller, params, tool: name }: ToolRequest): 'no' | 'yes' | 'late' {
    if (caller.key === '') return 'no';
    // The arguments are read only where there is something to compare them with.
    const runs = this.#firstRunning(caller, name, null) !== null;
    if (!runs && !this.#mayHaveFailed(now, tool, caller)) return 'no';
    const key = this.#keys.ofCall(caller.key, name, params);
    if (key === '') return 'no';
    const before = this.#firstRunning(caller, name, key)?.entry ?? this.#failed.find(key, now);
    if (!before) return 'no';
    return before.recoveries === tool.breaker.recoveries ? 'yes' : 'late';
  }

  /** A call of this tool that a caller who is surely one has in progress: the first, or the one with this key. */
  #firstRunning(caller: Caller, name: string, key: string | null): Passage | null {
    if (caller.shared) return null;
    for (const place of this.#running.near(caller.key)) {
      if (place.key !== caller.key || place.value.tool !== name) continue;
      if (key === null || place.value.key(this.#keys) === key) return place.value;
    }
    return null;
  }

  #admit(tool: Tool, passage: Passage): void {
    tool.counts.inflight += 1;
    tool.running += 1;
    passage.place = this.#running.add(passage.caller.key, passage);
  }

  /** @param error null: the call was not made */
  #ended(tool: Tool, passage: Passage, error: string | null): void {
    const now = this.#clock.monotonic();
    tool.counts.inflight -= 1;
    tool.running -= 1;
    this.#running.remove(passage.place!);

    const end = error === null ? null : toolEnd(error);
    if (end === null) tool.budget.withdrawn(now, passage.entry.retry);
    else {
      tool.counts.ended[end.outcome] += 1;
      if (end.outcome === 'timeout') tool.counts.timeouts.guard += 1;
      if (end.outcome === 'cancelled') tool.counts.timeouts.client += 1;
      this.#remember(now, tool, passage, end.again);
    }
    if (this.#limits(passage.tool).breaker === 'auto') {
      tool.breaker.ended(now, passage.entry.startedAt, passage.entry.probe, end?.evidence ?? 'nothing');
    }
  }

  #remember(now: number, tool: Tool, passage: Passage, again: ToolEnd['again']): void {
    if (passage.caller.key === '' || again === 'resend') return;
    if (again === 'retry') {
      tool.failuresUntil = now + RETRY_WINDOW_MS;
      const call = { at: now, recoveries: passage.entry.recoveries };
      this.#failed.add(passage.key(this.#keys), passage.caller.key, call);
    } else if (this.#mayHaveFailed(now, tool, passage.caller)) this.#failed.forget(passage.key(this.#keys));
  }

  #mayHaveFailed(now: number, tool: Tool, caller: Caller): boolean {
    return now < tool.failuresUntil && this.#failed.mayKnow(caller.key);
  }

  #tool(given: string): Tool {
    const name = given.length > MAX_NAME_LENGTH ? OTHER : given;
    let tool = this.#tools.get(name);
    if (!tool) {
      tool = this.#newTool(name);
      this.#tools.set(name, tool);
    }
    return tool;
  }

  #newTool(name: string): Tool {
    const counts = this.#counts.of(name);
    const tool: Tool = {
      name,
      counts,
      breaker: new Breaker((open) => this.#notice({ tool: counts.label, open })),
      budget: new RetryBudget(),
      running: 0,
      onEnd: (passage, error) => this.#ended(tool, passage, error),
      failuresUntil: 0,
    };
    return tool;
  }

  /** Whole seconds from `least`, spread so that refused callers do not come back together. */
  #seconds(least: number, spread: number): number {
    return least + Math.floor(this.#random() * spread);
  }
}
