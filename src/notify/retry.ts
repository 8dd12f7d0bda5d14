/** When to try again. Attempts are counted and not the time since, so that a clock that jumps gives nothing up. */

/** About a day at the pace below. */
export const MAX_ATTEMPTS = 120;
/** Some ten minutes: a target that answers and refuses (4xx, a redirection) rarely changes its mind. */
export const MAX_REFUSALS = 10;
const FIRST_MS = 2_000;
const LONGEST_MS = 15 * 60_000;
/** As long as a target may ask us to wait. */
const LONGEST_ASKED_MS = 60 * 60_000;

export interface Failure {
  /** In words, without secrets. */
  readonly error: string;
  /** It answered, and what it answered will be the same next time. */
  readonly refused: boolean;
  /** What it asked for with Retry-After; null for nothing. */
  readonly retryAfterMs: number | null;
}

/**
 * Milliseconds until the next attempt, or null to give up. Doubling from 2 s to 15 min, the upper half of each
 * at random; never sooner than the target asked for.
 * @param attempts made so far, this one included
 * @param random from 0 to 1
 */
export function nextAttempt(attempts: number, failure: Failure, random: number): number | null {
  if (attempts >= (failure.refused ? MAX_REFUSALS : MAX_ATTEMPTS)) return null;
  const whole = Math.min(FIRST_MS * 2 ** Math.min(attempts - 1, 30), LONGEST_MS);
  const asked = Math.min(failure.retryAfterMs ?? 0, LONGEST_ASKED_MS);
  return Math.max(Math.round(whole * (0.5 + random / 2)), asked);
}

/** Retry-After in seconds or as a date, in milliseconds from `now`; null when it is neither. */
export function parseRetryAfter(text: string | null, now: number): number | null {
  if (text === null) return null;
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
