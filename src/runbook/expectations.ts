/**
 * The grammar that reads what is normal out of a sentence. `docs/format.md` states it for people:
 *
 *     sentence    = [subject] "(" norm ")" | [subject] modal condition | [subject] condition
 *     norm        = ("normal" | "normally" | "expected" | modal) [":"] condition | condition ("normally" | "is normal")
 *     modal       = "should" | "must" | "has to" | "needs to" | "is expected to" …, with "not" or "never"
 *     condition   = comparator number [unit] | number ("or less" | "or more") | "zero" | "empty" | "succeed"
 *     unit        = "%" | a unit of time | a rate ("/sec", "per minute", "rps") | bytes | a plain noun
 *
 * with "within DURATION" and "for DURATION" anywhere. A sentence with two conditions is not read: it
 * is left to the operator rather than half understood.
 */
import { secondsPer } from '../kernel/index.ts';

export type Comparator = '<' | '<=' | '>' | '>=' | '==';

/** What the number counts, in SI base units: seconds, per second, ratios (60 % is 0.6), bytes. */
export type Unit = 'seconds' | 'rate' | 'ratio' | 'bytes' | 'lines' | 'plain';

export type Claim =
  | {
      readonly kind: 'compare';
      readonly comparator: Comparator;
      readonly number: number;
      readonly unit: Unit;
    }
  | { readonly kind: 'empty' }
  | { readonly kind: 'not-empty' }
  | { readonly kind: 'succeed' }
  /** The sentence states an expectation, but not one this grammar reads. */
  | { readonly kind: 'unreadable' };

export interface Expectation {
  readonly claim: Claim;
  /** Whether the claim says what is normal or what is abnormal. */
  readonly side: 'normal' | 'abnormal';
  /** What it is about: the words before it; may be empty. */
  readonly subject: string;
  /** Seconds, from "within 5 minutes". */
  readonly within: number | null;
  /** Seconds, from "for at least 2 minutes". */
  readonly holdFor: number | null;
  /** The sentence as written. */
  readonly sentence: string;
}

/** Where a sentence stands decides what a bare `CPU > 90%` means. */
export type SentencePlace = 'diagnosis' | 'verify' | 'symptom';

const MODAL =
  /\b(?:should|must|shall|ought to|has to|have to|needs? to|(?:is|are) expected to|expected to)(?:\s+(not|never)\b)?/i;
const NORM = /\b(?:normal(?:ly)?|healthy|expect(?:ed)?|usual(?:ly)?|typical(?:ly)?|baseline)\b/i;
const ABNORM = /\b(?:abnormal|unhealthy|bad|problem|broken|alert)\b/i;
/** Without a number or one of these words, no sentence states an expectation. */
const MAY_EXPECT =
  /\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|should|must|shall|ought|ha(?:s|ve) to|needs? to|expect|expected|normal|normally|healthy|usual|usually|typical|typically|baseline|abnormal|unhealthy|bad|problem|broken|alert)\b/i;
const DURATION = String.raw`(\d+(?:\.\d+)?)\s?(ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|hr)\b`;
const WITHIN = new RegExp(String.raw`\bwithin (?:at most |the (?:next|first) )?${DURATION}`, 'i');
const HOLD = new RegExp(String.raw`\bfor (?:at least |more than )?${DURATION}`, 'i');
const WINDOW = new RegExp(String.raw`\b(?:over|during|in) (?:the |any |a )?(?:last |past )?${DURATION}`, 'i');
const LONG_WINDOW = /\bover (?:the |any |a )?(?:last |past )?\d+\s?(?:m|mins?|minutes?|h|hours?|hr)\b/i;

/** Longer sentences are prose, not expectations. */
const MAX_SENTENCE = 400;

/**
 * Reads one sentence.
 * @returns null when it states no expectation at all
 */
export function readExpectation(sentence: string, place: SentencePlace): Expectation | null {
  const written = sentence.replace(/\s+/g, ' ').trim();
  const text = toAscii(written);
  if (written === '' || written.length > MAX_SENTENCE || !(/\d/.test(text) || MAY_EXPECT.test(text)))
    return null;
  const within = seconds(WITHIN.exec(text));
  const bare = text.replace(WITHIN, ' ');
  const holdFor = seconds(HOLD.exec(bare));
  const parts = statedParts(withoutWindow(bare.replace(HOLD, ' ')), place);
  if (parts === null) return null;
  const claim = readClaim(parts.claim, parts.negated);
  if (claim === null && !parts.binding) return null;
  return {
    claim: claim ?? { kind: 'unreadable' },
    side: parts.side,
    subject: cleanSubject(parts.subject),
    within,
    holdFor,
    sentence: written,
  };
}

/** Patterns that stay within ASCII are compiled several times faster. */
function toAscii(text: string): string {
  return text
    .replaceAll('≤', '<=')
    .replaceAll('≥', '>=')
    .replace(/[µμ](?=s\b)/g, 'u');
}

/** "over the last 5 minutes" says how it was measured, unless it is the only comparison there is. */
function withoutWindow(text: string): string {
  const rest = text.replace(WINDOW, ' ');
  return COMPARISON.test(rest) ? rest : text.replace(LONG_WINDOW, ' ');
}

function seconds(match: RegExpExecArray | null): number | null {
  if (!match) return null;
  return Number(match[1]) * (secondsPer(match[2]!.toLowerCase()) ?? 1);
}

interface StatedParts {
  readonly subject: string;
  readonly claim: string;
  readonly negated: boolean;
  readonly side: 'normal' | 'abnormal';
  /** An expectation is certainly meant: what cannot be read becomes a question. */
  readonly binding: boolean;
}

/** Finds where the expectation stands in the sentence: in brackets, after a modal, or bare. */
function statedParts(text: string, place: SentencePlace): StatedParts | null {
  for (const match of text.matchAll(/\(([^()]{1,200})\)/g)) {
    const inner = match[1]!;
    const subject = text.slice(0, match.index);
    const modal = MODAL.exec(inner);
    if (modal)
      return { subject, claim: inner, negated: modal[1] !== undefined, side: 'normal', binding: true };
    const side = ABNORM.test(inner) ? 'abnormal' : NORM.test(inner) ? 'normal' : null;
    if (side && readClaim(inner, false))
      return { subject, claim: inner, negated: false, side, binding: false };
  }
  const modal = MODAL.exec(text);
  if (modal && place !== 'symptom') {
    const subject = text.slice(0, modal.index);
    const claim = text.slice(modal.index + modal[0].length);
    return { subject, claim, negated: modal[1] !== undefined, side: 'normal', binding: true };
  }
  const condition = COMPARISON.exec(text);
  const norm =
    /\b(?:abnormal|unhealthy|normal(?:ly)?|healthy|expect(?:ed)?|bad if|problem if|alert if)\b:?/i.exec(text);
  if (norm && condition && norm.index < condition.index) {
    const side = ABNORM.test(norm[0]) ? 'abnormal' : 'normal';
    return {
      subject: text.slice(0, norm.index),
      claim: text.slice(norm.index),
      negated: false,
      side,
      binding: false,
    };
  }
  // A bare comparison states the goal in Verify and the trouble in Symptom; elsewhere it could be either.
  if (place === 'diagnosis' || !condition) return null;
  const side = place === 'verify' ? 'normal' : 'abnormal';
  return {
    subject: text.slice(0, condition.index),
    claim: text.slice(condition.index),
    negated: false,
    side,
    binding: false,
  };
}

const NUMBER_WORDS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const NUMBER = String.raw`(\d[\d,_]*(?:\.\d+)?(?:[kKMG](?![\w/]))?|(?:${NUMBER_WORDS.join('|')})\b)`;
const UNIT = String.raw`(\s?%|\s?percent\b|\s?(?:[a-z]+\s?)?(?:\/\s?|\bper )(?:s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b|\s?[a-zA-Z]+\b)?`;
const COMPARATORS: readonly (readonly [pattern: string, comparator: Comparator])[] = [
  ['<=', '<='],
  ['>=', '>='],
  ['<', '<'],
  ['>', '>'],
  ['(?:no|not) (?:more|higher|greater|longer) than|at most|up to|a maximum of|max(?:imum)?:?', '<='],
  ['(?:no|not) (?:less|fewer|lower) than|at least|a minimum of|min(?:imum)?:?', '>='],
  ['below|under|less than|lower than|fewer than|smaller than|faster than|shorter than', '<'],
  ['above|over|more than|greater than|higher than|longer than|exceeds?|exceeding', '>'],
];
const COMPARATOR = COMPARATORS.map(([pattern]) => `(${pattern})`).join('|');
const COMPARISON = new RegExp(String.raw`(?:\b|(?=[<>]))(?:${COMPARATOR})\s?${NUMBER}${UNIT}`, 'i');
const OR_MORE = new RegExp(
  String.raw`${NUMBER}${UNIT}\s?or (less|fewer|lower|below|more|higher|above|greater)\b`,
  'i',
);
const EQUAL = new RegExp(
  String.raw`^(?:be|equal|equals|show|return|print|report|drop to|fall to|return to|go (?:back )?to|read|is|are|:|=|==|normal(?:ly)?:?|expect(?:ed)?:?)?\s?(?:exactly |equal to |=|==)?\s?${NUMBER}${UNIT}`,
  'i',
);
const NOTHING =
  /^(?:be|return|show|print|list|give|have|contain|report|find|match)?\s?(?:empty|nothing|no (?:output|results?|rows?|lines?|entries|matches)|none)\b/i;
const SUCCEED = /^(?:succeed|pass|exit (?:with )?(?:code |status )?(?:0|zero))\b/i;

const INVERSE: Readonly<Record<Comparator, Comparator | null>> = {
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
  '==': null,
};

/** Reads the condition; null when there is none, or more than one. */
function readClaim(text: string, negated: boolean): Claim | null {
  const claim = text.replace(MODAL, ' ').replace(/\s+/g, ' ').trim();
  const orMore = OR_MORE.exec(claim);
  if (orMore) {
    const comparator = /less|fewer|lower|below/i.test(orMore[3]!) ? '<=' : '>=';
    return onlyOne(claim, orMore) ? compare(comparator, orMore[1]!, orMore[2], negated) : null;
  }
  const match = COMPARISON.exec(claim);
  if (match) {
    const index = COMPARATORS.findIndex((_, at) => match[at + 1] !== undefined);
    const [number, unit] = match.slice(COMPARATORS.length + 1);
    return onlyOne(claim, match) ? compare(COMPARATORS[index]![1], number!, unit, negated) : null;
  }
  if (NOTHING.test(claim)) return { kind: negated ? 'not-empty' : 'empty' };
  if (SUCCEED.test(claim)) return negated ? null : { kind: 'succeed' };
  const equal = EQUAL.exec(claim);
  if (!equal || negated || !onlyOne(claim, equal)) return null;
  const exact = compare('==', equal[1]!, equal[2], false);
  // "return to 200ms" names a level, not a bound; only counts (and nothing at all) are met exactly.
  return exact?.kind === 'compare' && exact.unit !== 'plain' && exact.unit !== 'lines' && exact.number !== 0
    ? null
    : exact;
}

/** No second figure stands beside the condition ("< 60% and memory < 80%"). */
function onlyOne(claim: string, match: RegExpExecArray): boolean {
  const rest = `${claim.slice(0, match.index)} ${claim.slice(match.index + match[0].length)}`;
  return !/(?:^|\s)[<>=]*\s?\d/.test(rest) && !/\b(?:and|or|unless|except)\b/i.test(rest);
}

function compare(
  comparator: Comparator,
  written: string,
  unitText: string | undefined,
  negated: boolean,
): Claim | null {
  const direction = negated ? INVERSE[comparator] : comparator;
  const scaled = toBaseUnit(readNumber(written), (unitText ?? '').trim());
  if (direction === null || scaled === null) return null;
  return { kind: 'compare', comparator: direction, ...scaled };
}

function readNumber(written: string): number {
  const word = NUMBER_WORDS.indexOf(written.toLowerCase());
  if (word !== -1) return word;
  const scale = { k: 1e3, K: 1e3, M: 1e6, G: 1e9 }[written.at(-1)!] ?? 1;
  return Number(written.replace(/[,_kKMG]/g, '')) * scale;
}

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  byte: 1,
  bytes: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};
const LINES: ReadonlySet<string> = new Set([
  'line',
  'lines',
  'row',
  'rows',
  'result',
  'results',
  'entry',
  'entries',
  'matches',
]);
/** Words after a number that change its meaning: "one of", "3x normal". */
const NO_UNITS: ReadonlySet<string> = new Set(['of', 'x', 'th', 'st', 'nd', 'rd']);
const PER_SECOND: ReadonlySet<string> = new Set(['rps', 'qps', 'tps', 'ops', 'hz']);

/** The number in SI base units with what it counts; null when the unit is not one this grammar knows. */
function toBaseUnit(number: number, unit: string): { number: number; unit: Unit } | null {
  if (!Number.isFinite(number) || NO_UNITS.has(unit)) return null;
  if (unit === '%' || /^percent$/i.test(unit)) return { number: tidy(number / 100), unit: 'ratio' };
  const per = /^(.*?)\s?(?:\/\s?|\bper )(\w+)$/i.exec(unit);
  if (per) {
    const scale = secondsPer(per[2]!.toLowerCase());
    return scale === undefined || BYTES[per[1]!] ? null : { number: tidy(number / scale), unit: 'rate' };
  }
  if (PER_SECOND.has(unit.toLowerCase())) return { number, unit: 'rate' };
  if (Object.hasOwn(BYTES, unit)) return { number: number * BYTES[unit]!, unit: 'bytes' };
  if (LINES.has(unit.toLowerCase())) return { number, unit: 'lines' };
  const scale = secondsPer(unit.toLowerCase());
  if (scale !== undefined && unit !== '') return { number: tidy(number * scale), unit: 'seconds' };
  return { number, unit: 'plain' };
}

/** Without the dust of binary fractions: 0.2, not 0.20000000000000001. */
function tidy(number: number): number {
  return Number(number.toPrecision(12));
}

function cleanSubject(text: string): string {
  return text
    .replace(/\([^()]{0,200}\)/g, ' ')
    .replace(/\b(?:is|are|be|stays?|remains?|drops?|falls?|to|the|which|it|this|that)\b\s*$/i, '')
    .replace(/[\s:,;.<>=–—-]+$/, '')
    .trim();
}
