import type { Clock } from '../kernel/index.ts';

/** Seconds since a moment of the clock's monotonic time, to the millisecond. */
export function secondsSince(clock: Clock, start: number): number {
  return Math.round(clock.monotonic() - start) / 1000;
}
