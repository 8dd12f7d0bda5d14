/** The values of the levers in force, as the policies read them: numbers and truths, 0 is off. */
import type { LeverName } from './lever-definitions.ts';

export interface LeverValues {
  /** 0 while `initAuto`. */
  readonly maxInitPerSecond: number;
  /** The pace of initialize is found from the upstream's latency. */
  readonly initAuto: boolean;
  readonly initQueueSeconds: number;
  readonly maxSessions: number;
  readonly reconnectJitterSeconds: number;
  readonly tokenRefreshCoalesce: boolean;
  readonly tokenRefreshGraceSeconds: number;
  readonly maxTokenRefreshPerSecond: number;
  /** The limits of one tool, each its own where set, else that of all tools. Read on the hot path. */
  tool(name: string): ToolLimits;
}

export interface ToolLimits {
  readonly timeoutSeconds: number;
  readonly maxConcurrency: number;
  /** Null is off; 0 lets no retry through. */
  readonly retryBudget: number | null;
  readonly breaker: 'auto' | 'open' | 'closed';
}

/** Gives the text of a lever in force; for a tool without its own, that of all tools. */
export type ReadLever = (name: LeverName, tool: string | null) => string;

/**
 * Made anew after each change, so that reading costs a property, or one look into a map.
 * @param tools those that have any lever of their own
 */
export function leverValues(read: ReadLever, tools: Iterable<string>): LeverValues {
  const numeric = (name: LeverName) => Number(read(name, null) || 0);
  const initAuto = read('MAX_INIT_PER_SECOND', null) === 'auto';
  const all = toolLimits(read, null);
  const own = new Map<string, ToolLimits>();
  for (const tool of tools) own.set(tool, toolLimits(read, tool));
  return {
    maxInitPerSecond: initAuto ? 0 : numeric('MAX_INIT_PER_SECOND'),
    initAuto,
    initQueueSeconds: numeric('INIT_QUEUE_SECONDS'),
    maxSessions: numeric('MAX_SESSIONS'),
    reconnectJitterSeconds: numeric('RECONNECT_JITTER_SECONDS'),
    tokenRefreshCoalesce: read('TOKEN_REFRESH_COALESCE', null) === 'on',
    tokenRefreshGraceSeconds: numeric('TOKEN_REFRESH_GRACE_SECONDS'),
    maxTokenRefreshPerSecond: numeric('MAX_TOKEN_REFRESH_PER_SECOND'),
    tool: (name) => own.get(name) ?? all,
  };
}

function toolLimits(read: ReadLever, tool: string | null): ToolLimits {
  const budget = read('TOOL_RETRY_BUDGET', tool);
  return {
    timeoutSeconds: Number(read('TOOL_TIMEOUT_SECONDS', tool) || 0),
    maxConcurrency: Number(read('TOOL_MAX_CONCURRENCY', tool) || 0),
    retryBudget: budget === '' ? null : Number(budget),
    breaker: read('TOOL_BREAKER', tool) as ToolLimits['breaker'],
  };
}
