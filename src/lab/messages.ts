/** What the lab's processes say to each other over IPC, checked on arrival. */
import { z } from 'zod';

/** How an upstream is started, as JSON in its first argument. */
export const upstreamOptionsSchema = z.object({
  host: z.string().default('127.0.0.1'),
  /** 0 takes any free port. */
  port: z.number().int().min(0).max(65_535).default(0),
  /** Where `/metrics` answers; 0 takes any free port. */
  metricsPort: z.number().int().min(0).max(65_535).default(0),
  /** CPU milliseconds that each `initialize` costs. */
  initializeCostMs: z.number().min(0).max(10_000).default(10),
  /**
   * Connections that wait in the kernel until the server accepts them. 2048 is what uvicorn asks for,
   * under which most Python MCP servers run (Go asks for the system's limit, usually 4096; Node for 511).
   * The kernel refuses the rest, which sheds a part of a storm.
   */
  backlog: z.number().int().min(1).max(65_535).default(2048),
  /** What the tool `search` asks before it answers; null: nothing. */
  dependency: z.url().nullable().default(null),
});
export type UpstreamSettings = z.infer<typeof upstreamOptionsSchema>;

/** What an upstream says to the lab. */
export const upstreamReportSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready'), port: z.number().int(), metricsPort: z.number().int() }),
]);

/** How a fleet is started, as JSON in its first argument. */
export const fleetOptionsSchema = z.object({
  url: z.url(),
  clients: z.number().int().min(1).max(20_000),
  /** How long a client waits for an answer before it gives up. */
  timeoutMs: z.number().int().min(1).default(5_000),
  /** Pause before a client tries again. */
  retryMs: z.number().int().min(0).default(100),
  /** Each client calls a tool this often; 0 never. */
  callEveryMs: z.number().int().min(0).default(20_000),
  /** Time between two reports. */
  reportMs: z.number().int().min(10).default(250),
});
export type FleetSettings = z.infer<typeof fleetOptionsSchema>;

/** What the lab tells a fleet. */
export const fleetCommandSchema = z.discriminatedUnion('type', [
  /** Connect every client that was not connected yet, at most `concurrency` handshakes at a time. */
  z.object({ type: z.literal('connect'), concurrency: z.number().int().min(1) }),
  /** From now on `perSecond` clients a second leave properly and come back; 0 ends it. */
  z.object({ type: z.literal('churn'), perSecond: z.number().min(0).max(1000) }),
]);
export type FleetCommand = z.infer<typeof fleetCommandSchema>;

const count = z.number().int().min(0);

/** The state of a fleet at one moment; the counters only grow. */
export const fleetReportSchema = z.object({
  type: z.literal('report'),
  /** Epoch milliseconds. */
  t: z.number(),
  clients: count,
  /** Clients not started yet. */
  idle: count,
  /** Clients in the middle of a handshake. */
  connecting: count,
  /** Clients whose handshake is done: initialize, initialized and tools/list answered. */
  connected: count,
  /** Clients that wait for their next attempt. */
  lost: count,
  attempts: count,
  handshakes: count,
  losses: count,
  timeouts: count,
  refused: count,
  /** Answers with 503 or 429. */
  rejected: count,
  errors: count,
  calls: count,
  callErrors: count,
  /** Seconds of CPU the fleet's process has used. */
  cpuSeconds: z.number(),
  /** 99th percentile of the fleet's own event-loop delay since the last report, in milliseconds: when it is large, the fleet measures itself. */
  loopDelayMs: z.number(),
  /** The last error that was none of the above, for people. */
  lastError: z.string().max(500),
});
export type FleetReport = z.infer<typeof fleetReportSchema>;
