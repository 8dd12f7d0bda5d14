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
