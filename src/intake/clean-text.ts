/**
 * Labels and annotations come from whoever can make an alert. What is kept of them is bounded and can be stored in
 * any database: the rest of the message must not be lost because of one hostile value.
 */
import type { IncomingAlert } from './incoming-alert.ts';

/** As many labels and as long a value as commands can see. */
const MAX_PAIRS = 64;
const MAX_NAME = 200;
const MAX_VALUE = 4_096;
/** UTF-16 code units of all names and values of one map. */
const MAX_MAP = 16_384;
const MAX_URL = 2_048;

/** A text without NUL (which PostgreSQL cannot hold) and lone surrogates (which UTF-8 cannot), cut at `limit`. */
export function cleanText(text: string, limit: number): string {
  if (text.length <= limit && !text.includes('\0') && text.isWellFormed()) return text;
  const whole = text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
  return whole.replaceAll('\0', '').toWellFormed();
}

/** The first pairs that fit; those past the bounds are left out. */
export function cleanMap(map: Readonly<Record<string, string>>): Record<string, string> {
  let left = MAX_MAP;
  const kept: [string, string][] = [];
  for (const name of Object.keys(map)) {
    if (kept.length === MAX_PAIRS) break;
    const pair: [string, string] = [cleanText(name, MAX_NAME), cleanText(map[name]!, MAX_VALUE)];
    const size = pair[0].length + pair[1].length;
    if (size > left) continue;
    left -= size;
    kept.push(pair);
  }
  return Object.fromEntries(kept);
}

/** A link that a page may show; null for anything else than http and https. */
export function cleanLink(text: string | undefined): string | null {
  if (text === undefined || text.length > MAX_URL || !/^https?:\/\//i.test(text)) return null;
  return URL.canParse(text) ? cleanText(text, MAX_URL) : null;
}

/** About how much memory it takes while it waits, in UTF-16 code units. */
export function weightOf(alert: IncomingAlert): number {
  let weight = 200;
  for (const map of [alert.labels, alert.annotations]) {
    for (const name of Object.keys(map)) weight += name.length + map[name]!.length;
  }
  return weight;
}
