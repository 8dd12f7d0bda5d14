/**
 * Secrets taken out of a command's output before it is stored or shown: by value (tokens that Allclear
 * knows) and by pattern (what looks like one). Works on streams: a secret split over two chunks is found.
 */
import { PATTERNS, REDACTED } from './redact-patterns.ts';

/** A line longer than this is looked at in overlapping windows of twice the size. Characters. */
const WINDOW = 8192;
/** Values shorter than this are not replaced: they would also hit innocent text. */
const SHORTEST = 4;
const LONGEST = 1024;

export interface Redactor {
  /** Takes the next text; gives back what can be shown already. */
  push(text: string): string;
  /** Gives back the rest. */
  end(): string;
}

/** @param secrets values that must never appear; their base64 and URL-encoded forms neither */
export function redactor(secrets: readonly string[]): Redactor {
  return new StreamRedactor(valuePattern(secrets));
}

/** The text with every secret replaced by `[redacted]`. Linear in the length of the text. */
export function redact(text: string, secrets: readonly string[] = []): string {
  const stream = redactor(secrets);
  return stream.push(text) + stream.end();
}

/** Values of variables whose name says that they are secret: `GITHUB_TOKEN`, `DB_PASSWORD` … */
export function secretValues(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env)
    .filter(([name]) => /pass|pwd|secret|token|api_?key|access_?key|private|credential|cookie/i.test(name))
    .map(([, value]) => value ?? '')
    .filter((value) => value.length >= 6 && !/^(?:\d{1,7}|true|false|\/[\w./-]*)$/i.test(value));
}

class StreamRedactor implements Redactor {
  readonly #values: RegExp | null;
  #pending = '';
  /** Inside a private key whose end has not come yet. */
  #inKey = false;
  /** Inside a secret longer than a window: swallow up to the next delimiter. */
  #inValue = false;

  constructor(values: RegExp | null) {
    this.#values = values;
  }

  push(text: string): string {
    this.#pending += text;
    let out = '';
    let from = 0;
    for (;;) {
      const newline = this.#pending.indexOf('\n', from);
      const lineEnd = newline === -1 ? this.#pending.length : newline;
      if (lineEnd - from > 2 * WINDOW) {
        const [shown, used] = this.#window(this.#pending.slice(from, from + 2 * WINDOW));
        out += shown;
        from += used;
      } else if (newline === -1) {
        break;
      } else {
        out += this.#line(this.#pending.slice(from, newline), '\n');
        from = newline + 1;
      }
    }
    this.#pending = this.#pending.slice(from);
    return out;
  }

  end(): string {
    const rest = this.#pending;
    this.#pending = '';
    return rest === '' ? '' : this.#line(rest, '');
  }

  #line(text: string, end: string): string {
    const line = text.slice(this.#skipValue(text));
    this.#inValue = false;
    if (this.#inKey) {
      if (isKeyLine(line)) return '';
      this.#inKey = false;
      const after = line.indexOf('-----END');
      if (after !== -1) return this.#line(line.slice(after).replace(/-----END[A-Z0-9 ]*(?:-----)?/, ''), end);
    }
    if (opensKey(line)) this.#inKey = true;
    return this.#clean(line) + end;
  }

  /** Redacts a part of a very long line; says how much of it is settled. */
  #window(text: string): [shown: string, used: number] {
    if (this.#inKey && isKeyLine(text.slice(0, WINDOW))) return ['', WINDOW];
    this.#inKey = false;
    const skipped = this.#skipValue(text);
    if (skipped === text.length) return ['', skipped];
    const seam = this.#seam(text, Math.max(WINDOW, skipped));
    this.#inValue = seam === text.length;
    return [this.#clean(text.slice(skipped, seam)), seam];
  }

  /** The first place at or after `from` that no match spans: there the text may be cut. */
  #seam(text: string, from: number): number {
    const spans = [...this.#all()].flatMap((pattern) =>
      Array.from(text.matchAll(pattern), (match) => ({
        start: match.index,
        end: match.index + match[0].length,
      })),
    );
    let seam = from;
    for (const span of spans.toSorted((a, b) => a.start - b.start)) {
      if (span.start < seam && span.end > seam) seam = span.end;
    }
    return seam;
  }

  /** How much of the text still belongs to a secret that began in the window before. */
  #skipValue(text: string): number {
    if (!this.#inValue) return 0;
    const end = text.search(/[\s"',;&]/);
    this.#inValue = end === -1;
    return end === -1 ? text.length : end;
  }

  #clean(line: string): string {
    let text = this.#values === null ? line : line.replace(this.#values, REDACTED);
    for (const { pattern, replace } of PATTERNS) text = text.replace(pattern, replace);
    return text;
  }

  *#all(): Generator<RegExp> {
    if (this.#values) yield this.#values;
    for (const { pattern } of PATTERNS) yield pattern;
  }
}

function opensKey(line: string): boolean {
  const start = line.lastIndexOf('-----BEGIN');
  return start !== -1 && line.slice(start).includes('PRIVATE KEY') && !line.slice(start).includes('-----END');
}

/** Base64, a PEM header, or empty: still inside the key. */
function isKeyLine(line: string): boolean {
  return /^[\sA-Za-z0-9+/=\\|>-]*$/.test(line)
    ? !line.includes('-----END')
    : /^\s*[A-Za-z-]{3,30}: /.test(line);
}

/** One pattern for all known values, longest first. */
function valuePattern(secrets: readonly string[]): RegExp | null {
  const pieces = new Set<string>();
  for (const secret of secrets) {
    for (const form of [
      secret,
      encodeURIComponent(secret.toWellFormed()),
      base64(secret),
      JSON.stringify(secret).slice(1, -1),
    ]) {
      for (const line of form.split('\n')) {
        for (let at = 0; at < line.length; at += LONGEST) {
          const piece = line.slice(at, at + LONGEST).replace(/\r$/, '');
          if (piece.trim().length >= SHORTEST) pieces.add(piece);
        }
      }
    }
  }
  if (pieces.size === 0) return null;
  const longestFirst = [...pieces].toSorted((a, b) => b.length - a.length);
  return new RegExp(
    longestFirst.map((piece) => piece.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|'),
    'g',
  );
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64').replace(/=+$/, '');
}
