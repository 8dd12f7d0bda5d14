/** JSON kept as TEXT, bounded: one hostile label set or output cannot make a row of any size. */

/** UTF-16 code units of JSON in one column. */
export const MAX_JSON = 256 * 1024;
const CUT_STRING = 2_000;
const CUT_ITEMS = 200;

/** The value as JSON of at most `MAX_JSON`; when larger, long strings and lists are cut, and say so. */
export function toJson(value: unknown): string {
  const whole = JSON.stringify(value);
  if (whole.length <= MAX_JSON) return whole;
  const cut = JSON.stringify(value, (_key, part: unknown) => shorten(part));
  return cut.length <= MAX_JSON ? cut : JSON.stringify({ cut: `${whole.length} characters were too many` });
}

function shorten(part: unknown): unknown {
  if (typeof part === 'string' && part.length > CUT_STRING) {
    return `${part.slice(0, CUT_STRING)} […${part.length - CUT_STRING} characters cut]`;
  }
  if (Array.isArray(part) && part.length > CUT_ITEMS) {
    return [...(part as unknown[]).slice(0, CUT_ITEMS), `[…${part.length - CUT_ITEMS} items cut]`];
  }
  return part;
}

export function fromJson(text: string): unknown {
  return JSON.parse(text) as unknown;
}

/** A JSON object of strings (labels, annotations); anything else in it is dropped. */
export function stringMap(text: string): Record<string, string> {
  const value = fromJson(text);
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
