/** Spreading what would otherwise come back all at once. `random` gives [0, 1). */

/** Without the lever, refused clients are spread over this many seconds. */
const DEFAULT_SPREAD_SECONDS = 5;

/** Whole seconds for a Retry-After header: 1 up to the jitter window (5 when the lever is off). */
export function retryAfterSeconds(jitterSeconds: number, random: () => number): number {
  const spread = jitterSeconds > 0 ? jitterSeconds : DEFAULT_SPREAD_SECONDS;
  return 1 + Math.floor(random() * Math.max(1, spread));
}

/** Milliseconds for an SSE `retry:` field: uniform in [0, window]. */
export function retryMs(jitterSeconds: number, random: () => number): number {
  return Math.round(random() * jitterSeconds * 1000);
}

/**
 * What becomes of an initialize whose client went away after the upstream got it.
 *
 * `finish`: let the upstream answer, then end the session nobody holds. A dropped connection is not a
 * cancellation in the older era, and a session we do not know the id of could never be ended.
 * `reset`: take it back. While the lever paces, a deep backlog is work that has not begun and that
 * nobody waits for, and everyone else stands behind it.
 */
export function abandonedInFlight(initializing: number, ratePerSecond: number): 'finish' | 'reset' {
  if (ratePerSecond <= 0) return 'finish';
  return initializing > Math.max(4, ratePerSecond / 4) ? 'reset' : 'finish';
}

/**
 * How many paced initialize requests may be at the upstreams unanswered: one second's worth. A pace that
 * is set above what the upstreams manage then fills the queue here, where leaving costs nothing, and not
 * theirs, where every abandoned request is still worked through.
 */
export function maxInFlight(ratePerSecond: number): number {
  return ratePerSecond > 0 ? Math.max(4, Math.ceil(ratePerSecond)) : Number.POSITIVE_INFINITY;
}
