/** What the processes of the time-out spiral say to each other over IPC, checked on arrival. */
import { z } from 'zod';

const count = z.number().int().min(0);

/** How the dependency is started, as JSON in its first argument. */
export const dependencyOptionsSchema = z.object({
  /** Queries it works on at the same time; the others wait their turn. */
  workers: z.number().int().min(1).max(1000),
  /** What one query takes. */
  serviceMs: z.number().min(1).max(60_000),
  /** Queries that may wait; further ones get 503. */
  maxWaiting: z.number().int().min(0).max(100_000).default(10_000),
  /** Time between two reports. */
  reportMs: z.number().int().min(10).default(250),
});
export type DependencySettings = z.infer<typeof dependencyOptionsSchema>;

/** What the lab tells the dependency. */
export const dependencyCommandSchema = z.discriminatedUnion('type', [
  /** From now on, for a time, each query that begins takes `serviceMs`. */
  z.object({ type: z.literal('slow'), serviceMs: z.number().min(1), forMs: z.number().min(0) }),
]);
export type DependencyCommand = z.infer<typeof dependencyCommandSchema>;

/** What the dependency says to the lab; the counters only grow. */
export const dependencyReportSchema = z.object({
  type: z.literal('report'),
  port: z.number().int(),
  /** Queries that came, and those of them that are done. */
  queries: count,
  done: count,
  waiting: count,
  running: count,
  /** Whether it is slowed down now. */
  slow: z.boolean(),
});
export type DependencyReport = z.infer<typeof dependencyReportSchema>;

/** How the agents are started, as JSON in the first argument. */
export const agentsOptionsSchema = z.object({
  url: z.url(),
  agents: z.number().int().min(1).max(20_000),
  /** How long an agent waits for a tool. The SDK's default is 60 s; hosts commonly set less. */
  timeoutMs: z.number().int().min(1).default(3_000),
  /** Pause before a host repeats a call that timed out or broke: it does so by itself, at once. */
  retryMs: z.number().int().min(0).default(50),
  /** Calls that a host makes before it gives one up. */
  attempts: z.number().int().min(1).default(10),
  /** Between an answer and the next question, on average. */
  thinkMs: z.number().int().min(0).default(10_000),
  /** What a model takes to read a refusal and to decide, on average. */
  turnMs: z.number().int().min(0).default(1_500),
  /** The share of models that wait as they are told before they try again. */
  heedShare: z.number().min(0).max(1).default(0.8),
  /** Time between two reports. */
  reportMs: z.number().int().min(10).default(250),
});
export type AgentsSettings = z.infer<typeof agentsOptionsSchema>;

/** What the lab tells the agents. */
export const agentsCommandSchema = z.discriminatedUnion('type', [
  /** Connect every agent, at most `concurrency` at a time, and let each go about its work. */
  z.object({ type: z.literal('connect'), concurrency: z.number().int().min(1) }),
]);
export type AgentsCommand = z.infer<typeof agentsCommandSchema>;

/** The state of the agents at one moment; the counters only grow. */
export const agentsReportSchema = z.object({
  type: z.literal('report'),
  agents: count,
  /** Agents that were answered the last time, and do not wait in vain now. */
  working: count,
  /** Questions that agents had, each asked until it was answered or given up. */
  questions: count,
  answered: count,
  givenUp: count,
  /** Calls of `search` made for them, and what became of those that got no answer. */
  calls: count,
  timeouts: count,
  /** Told by the guard, in words, to try again later. */
  refused: count,
  errors: count,
  /** Calls of `lookup`, and those of them that were not answered within a second. */
  lookups: count,
  lookupsLate: count,
  /** 99th percentile of the process's own event-loop delay since the last report, in milliseconds. */
  loopDelayMs: z.number(),
  /** The last error that was none of the above, for people. */
  lastError: z.string().max(500),
});
export type AgentsReport = z.infer<typeof agentsReportSchema>;
