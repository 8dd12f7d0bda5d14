/** Where the members of a JSON object stand in its text, so that one can be replaced and the rest stay as it was written. */

export interface Span {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/**
 * The values of an object's own members, by name.
 * @param text valid JSON (`JSON.parse` has accepted it)
 * @param start where the object's `{` stands
 * @returns null when a name comes twice: readers differ in which of the two they take
 */
export function membersOf(text: string, start: number): ReadonlyMap<string, Span> | null {
  const members = new Map<string, Span>();
  let at = skipSpace(text, start + 1);
  while (text[at] !== '}') {
    const nameEnd = endOfString(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const valueEnd = endOfValue(text, valueStart);
    if (members.has(name)) return null;
    members.set(name, { start: valueStart, end: valueEnd });
    at = skipSpace(text, valueEnd);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return members;
}

/** The first place from `at` on that is no white space. */
export function skipSpace(text: string, at: number): number {
  while (' \t\n\r'.includes(text[at] ?? 'x')) at += 1;
  return at;
}

function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  if (first !== '{' && first !== '[') return endOfScalar(text, start);
  let depth = 0;
  for (let at = start; ; at++) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at) - 1;
    else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function endOfScalar(text: string, start: number): number {
  let at = start;
  while (/[^\s,\]}]/.test(text[at] ?? ' ')) at += 1;
  return at;
}
