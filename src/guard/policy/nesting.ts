/**
 * How deep a body is nested, before it is parsed: 4 MiB of opening brackets keep JSON.parse busy for seconds, in which
 * nobody else is served. A thousand levels are what other readers take at most (Jackson's and Python's default).
 */

const MAX_DEPTH = 1000;
/** Smaller bodies are parsed in no time, however they are nested. */
const LARGE_BYTES = 64 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether a large body has more levels than a reader should be asked to follow. */
export function isNestedTooDeeply(body: Buffer): boolean {
  if (body.length <= LARGE_BYTES) return false;
  let depth = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]!;
    if (byte === QUOTE) at = endOfString(body, at);
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > MAX_DEPTH) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
  return false;
}

/** Where the closing quote stands; the end when there is none. */
function endOfString(body: Buffer, start: number): number {
  let end = body.indexOf(QUOTE, start + 1);
  while (end !== -1 && isEscaped(body, end)) end = body.indexOf(QUOTE, end + 1);
  return end === -1 ? body.length : end;
}

function isEscaped(body: Buffer, at: number): boolean {
  let first = at;
  while (body[first - 1] === BACKSLASH) first -= 1;
  return (at - first) % 2 === 1;
}
