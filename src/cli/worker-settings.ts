/** What `allclear worker` and `allclear serve` are told about the work they do. */
import { AllclearError, oneLine, parseDuration } from '../kernel/index.ts';

const MAX_CONCURRENCY = 256;

/** Names of sites, each once. Errors: `E_BAD_VALUE`, as those below */
export function sitesOf(given: readonly string[]): readonly string[] {
  for (const site of given) {
    // The value of a label, as alerts bear it; '' is the work that may be done anywhere.
    if (site.length <= 256 && !/\p{Cc}/u.test(site)) continue;
    throw new AllclearError('E_BAD_VALUE', {
      what: `--site cannot be "${oneLine(site, 60)}"`,
      next: "It takes the value of the alerts' site label, for example eu-1.",
    });
  }
  return [...new Set(given)];
}

/** Jobs at once. */
export function concurrencyOf(text: string): number {
  const jobs = Number(text);
  if (Number.isInteger(jobs) && jobs >= 1 && jobs <= MAX_CONCURRENCY) return jobs;
  throw new AllclearError('E_BAD_VALUE', {
    what: `--concurrency cannot be "${oneLine(text, 60)}"`,
    next: `It takes a whole number from 1 to ${MAX_CONCURRENCY}.`,
  });
}

/** Seconds. */
export function drainOf(text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined && seconds <= 3_600) return seconds;
  throw new AllclearError('E_BAD_VALUE', {
    what: `--drain cannot be "${oneLine(text, 60)}"`,
    next: 'It takes a duration up to 1h, for example 0s, 30s or 5m.',
  });
}
