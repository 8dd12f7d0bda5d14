/**
 * What a secret looks like in the output of a command. Every pattern is linear: no nested repetition,
 * and none can start inside its own match, so hostile output cannot make it slow.
 */

/** Stands where a secret was. */
export const REDACTED = '[redacted]';

const SECRET_NAME =
  'pass(?:word|wd|phrase|code)|pwd|secret|token(?!s)|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|credential';

// A quoted value (also one whose closing quote is missing or escaped), or a word.
const VALUE = `(?!\\\\?["']?\\[redacted\\])(?:\\\\"[^"\\n]*"?|"(?:[^"\\\\\\n]|\\\\.)*"?|'[^'\\n]*'?|[^\\s"',;&|<>(){}]+)`;

/** One kind of secret: what is replaced keeps its first group, so that the reader sees what it was. */
interface Pattern {
  readonly pattern: RegExp;
  readonly replace: (match: string, kept: string) => string;
}

const whole = (): string => REDACTED;
const afterKept = (_match: string, kept: string): string => `${kept}${REDACTED}`;

export const PATTERNS: readonly Pattern[] = [
  // A private key on one line (JSON, YAML); over several lines the redactor itself swallows it.
  {
    pattern: /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|$)/g,
    replace: whole,
  },
  // Authorization: Bearer …, and cookies.
  {
    pattern: /\b((?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:[a-z]+\s+)?)(?!\[redacted\])[^\s"',]+/gi,
    replace: afterKept,
  },
  { pattern: /\b((?:set-)?cookie["']?:\s*)(?!\[redacted\])[^\n"']+/gi, replace: afterKept },
  { pattern: /\b(bearer\s+)(?!\[redacted\])[a-z0-9._~+/=-]{8,}/gi, replace: afterKept },
  { pattern: /\b(basic\s+)(?=[a-z0-9+/]*[0-9=])[a-z0-9+/]{8,}={0,2}/gi, replace: afterKept },
  // The lookbehind spares paths: `/etc/passwd: Permission denied`.
  // password=…, "api_key": "…", --token …, DB_PASSWORD: …
  {
    pattern: new RegExp(
      `((?<!/)(?:${SECRET_NAME})[a-z0-9_-]{0,40}\\\\?["']?\\s{0,8}(?:=>|:=|[:=])\\s{0,8})${VALUE}`,
      'gi',
    ),
    replace: hideUnlessCount,
  },
  {
    pattern: new RegExp(`(--?(?:${SECRET_NAME})[a-z0-9_-]{0,40} {1,8})(?!-)${VALUE}`, 'gi'),
    replace: afterKept,
  },
  // https://user:password@host
  { pattern: /(:\/\/[^\s/?#@:"']*:)(?!\[redacted\]@)[^\s/?#"']+(?=@)/g, replace: afterKept },
  { pattern: /(:\/\/)[^\s/?#@:"'[]{20,}(?=@)/g, replace: afterKept },
  // Tokens that name themselves.
  { pattern: /(?<![\w.-])eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g, replace: whole },
  { pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])/g, replace: whole },
  { pattern: /(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{22,})/g, replace: whole },
  { pattern: /(?<![A-Za-z0-9])(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}/g, replace: whole },
  { pattern: /hooks\.slack\.com\/services\/[\w/]{10,}/g, replace: whole },
  { pattern: /(?<![A-Za-z0-9])glpat-[\w-]{16,}/g, replace: whole },
  { pattern: /(?<![A-Za-z0-9])allclear_[\w-]{40,}/g, replace: whole },
  { pattern: /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,}/g, replace: whole },
  { pattern: /(?<![A-Za-z0-9_-])[sr]k[-_][\w-]{20,}/g, replace: whole },
  { pattern: /(?<![A-Za-z0-9_-])AIza[\w-]{30,}/g, replace: whole },
];

/** A count under a name such as `max_token_size: 4096` is no secret; a number under a bare `token:` may be. */
function hideUnlessCount(match: string, kept: string): string {
  const value = match.slice(kept.length);
  if (/^-?\d{1,7}(?:\.\d+)?$/.test(value) && /token[_-]\w/i.test(kept)) return match;
  if (/^(?:true|false|null|none|nil)$/i.test(value)) return match;
  const quote = /^\\?["']/.exec(value)?.[0] ?? '';
  if (quote === '') return `${kept}${REDACTED}`;
  return `${kept}${quote}${REDACTED}${value.length > quote.length && value.endsWith(quote) ? quote : ''}`;
}
