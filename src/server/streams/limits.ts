/** How many event streams there may be. */
export interface StreamLimits {
  readonly total: number;
  /** Of one person or program: a browser with many tabs. */
  readonly perActor: number;
  /** Milliseconds between looks at a stream: a heartbeat, whether it is still read, whether its actor still may. */
  readonly heartbeatMs: number;
}

export const DEFAULT_LIMITS: StreamLimits = { total: 1_000, perActor: 20, heartbeatMs: 15_000 };
