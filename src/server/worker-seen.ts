/** A worker that has not been seen for so long has gone, ms. */
export const WORKER_SEEN_MS = 60_000;
