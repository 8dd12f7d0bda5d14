import { parseFloatText } from '../numbers.ts';

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

const DURATION = /^(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?$/;

/** Milliseconds of a Prometheus duration (`1h30m`, `250ms`, `0`), or undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  if (text === '' || !DURATION.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) ms += Number(amount) * UNIT_MS[unit!]!;
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** A number literal; a duration such as `5m` counts in seconds. Signs and `_` between digits are allowed. */
export function parseNumberLiteral(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[+-]\s*/, '').replaceAll('_', '');
  const duration = digits === '0' ? undefined : parseDurationMs(digits);
  if (duration !== undefined) return (sign * duration) / 1000;
  // As in Go, a leading zero means octal, and 0x hexadecimal.
  if (/^0[0-7]+$/.test(digits)) return sign * Number.parseInt(digits, 8);
  const value = parseFloatText(digits);
  return value === undefined ? undefined : sign * value;
}

const SIMPLE: Record<string, number> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
  "'": 39,
  '"': 34,
};
const encoder = new TextEncoder();

/**
 * The text of a Go string literal in single, double or back quotes, or undefined when it is not well
 * formed. Bytes that are no UTF-8 become lone surrogates U+DC80–U+DCFF, so that they stay distinct.
 */
export function unquoteString(source: string): string | undefined {
  const quote = source[0];
  if (source.length < 2 || source.at(-1) !== quote) return undefined;
  const body = source.slice(1, -1);
  if (quote === '`') return body.includes('`') ? undefined : body.replaceAll('\r', '');
  if (quote !== '"' && quote !== "'") return undefined;
  if (!body.includes('\\')) return body.includes(quote) || body.includes('\n') ? undefined : body;
  const bytes: number[] = [];
  for (let at = 0; at < body.length; ) {
    const char = String.fromCodePoint(body.codePointAt(at)!);
    if (char === quote || char === '\n') return undefined;
    if (char !== '\\') {
      bytes.push(...encoder.encode(char));
      at += char.length;
      continue;
    }
    const escape = readEscape(body, at + 1, quote);
    if (!escape) return undefined;
    bytes.push(...escape.bytes);
    at = escape.end;
  }
  return decodeBytes(Uint8Array.from(bytes));
}

function readEscape(
  body: string,
  at: number,
  quote: string,
): { bytes: Iterable<number>; end: number } | undefined {
  const char = body[at];
  if (char === undefined) return undefined;
  if ((char === '"' || char === "'") && char !== quote) return undefined;
  if (SIMPLE[char] !== undefined) return { bytes: [SIMPLE[char]], end: at + 1 };
  const code = /^(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2}))/.exec(body.slice(at, at + 3));
  if (code) {
    const value = code[1] === undefined ? Number.parseInt(code[2]!, 8) : Number.parseInt(code[1], 16);
    return { bytes: [value], end: at + code[0].length };
  }
  const point = /^(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(body.slice(at, at + 9));
  const value = point ? Number.parseInt((point[1] ?? point[2])!, 16) : Number.NaN;
  if (!point || value > 0x10_ffff || (value >= 0xd800 && value <= 0xdfff)) return undefined;
  return { bytes: encoder.encode(String.fromCodePoint(value)), end: at + point[0].length };
}

function decodeBytes(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Byte by byte: the longest valid character at each place, else the byte itself as a surrogate.
    let out = '';
    for (let at = 0; at < bytes.length; ) {
      const length = validLength(bytes, at);
      if (length === 0) out += String.fromCharCode(0xdc00 + bytes[at]!);
      else out += new TextDecoder().decode(bytes.subarray(at, at + length));
      at += Math.max(1, length);
    }
    return out;
  }
}

function validLength(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    try {
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at, at + length));
      return length;
    } catch {
      // A longer run may be a whole character.
    }
  }
  return 0;
}
