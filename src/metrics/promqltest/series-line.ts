import { makeLabels, NAME } from '../labels.ts';
import type { Labels } from '../model.ts';
import { parseFloatText } from '../numbers.ts';
import { unquoteString } from '../promql/literals.ts';

/** One place in a sequence: a number, nothing, the end of the series, or a native histogram. */
export type SequenceItem = number | 'omitted' | 'stale' | 'histogram';

/** `metric{label="value"} 1 2+3x2 _ stale` */
export interface SeriesLine {
  readonly labels: Labels;
  readonly items: readonly SequenceItem[];
}

/** A series line that is not well formed. */
export class BadSeriesLine {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

const MAX_ITEMS = 2_000_000;

/** Reads a series with its points, as `load` and the expectations of `eval` write them. */
export function parseSeriesLine(text: string): SeriesLine | BadSeriesLine {
  const reader = new SeriesReader(text);
  const labels = reader.labels();
  if (labels instanceof BadSeriesLine) return labels;
  const items = parseSequence(reader.rest());
  return items instanceof BadSeriesLine ? items : { labels, items };
}

const IDENTIFIER = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const STRING = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/y;
const PUNCTUATION = /[{},=]/y;
const SPACE = /\s*/y;

/** Reads the metric's name and labels. */
class SeriesReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  rest(): string {
    return this.#text.slice(this.#at);
  }

  labels(): Labels | BadSeriesLine {
    const pairs: [string, string][] = [];
    const name = this.#match(IDENTIFIER);
    if (name !== undefined) pairs.push([NAME, name]);
    // Two braces open a native histogram, the first point of a series without labels.
    if (this.#peek() !== '{' || this.#text[this.#at + 1] === '{') {
      return name === undefined
        ? new BadSeriesLine('a metric name or labels are missing')
        : makeLabels(pairs);
    }
    this.#match(PUNCTUATION);
    while (this.#peek() !== '}') {
      const pair = this.#pair();
      if (pair instanceof BadSeriesLine) return pair;
      pairs.push(pair);
      if (this.#peek() === ',') this.#match(PUNCTUATION);
      else if (this.#peek() !== '}') return new BadSeriesLine('the labels are not closed');
    }
    this.#match(PUNCTUATION);
    return makeLabels(pairs);
  }

  #pair(): [string, string] | BadSeriesLine {
    const quoted = this.#match(STRING);
    const name = quoted === undefined ? this.#match(IDENTIFIER) : unquoteString(quoted);
    if (name === undefined) return new BadSeriesLine('a label name is missing');
    if (this.#peek() !== '=') {
      return quoted === undefined ? new BadSeriesLine(`the label ${name} has no value`) : [NAME, name];
    }
    this.#match(PUNCTUATION);
    const value = unquoteString(this.#match(STRING) ?? '');
    return value === undefined ? new BadSeriesLine(`the value of ${name} is no string`) : [name, value];
  }

  #peek(): string | undefined {
    this.#match(SPACE);
    return this.#text[this.#at];
  }

  #match(pattern: RegExp): string | undefined {
    SPACE.lastIndex = this.#at;
    if (pattern !== SPACE && SPACE.test(this.#text)) this.#at = SPACE.lastIndex;
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (!found) return undefined;
    this.#at = pattern.lastIndex;
    return found[0];
  }
}

const NUMBER = String.raw`(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[iI]nf|[nN]a[nN])`;
const ITEM = new RegExp(`^([+-]?${NUMBER})(?:([+-]${NUMBER}))?(?:x(\\d+))?$`);
const HISTOGRAM = /^\{\{.*?\}\}(?:[+-]\{\{.*?\}\}x(\d+)|x(\d+))?$/;

/** Reads the points: `1 2+3x2 _x3 stale {{…}}x4`. A repetition `x2` gives three values, except after `_`. */
export function parseSequence(text: string): SequenceItem[] | BadSeriesLine {
  const items: SequenceItem[] = [];
  for (const token of text.trim().match(/\{\{.*?\}\}(?:[+-]\{\{.*?\}\})?\S*|\S+/g) ?? []) {
    const problem = readItem(token, items);
    if (problem !== undefined) return new BadSeriesLine(problem);
    if (items.length > MAX_ITEMS) return new BadSeriesLine(`more than ${MAX_ITEMS} points`);
  }
  return items;
}

function readItem(token: string, items: SequenceItem[]): string | undefined {
  const word = /^(_|stale)(?:x(\d+))?$/.exec(token);
  if (word) {
    const omitted = word[1] === '_';
    const count = word[2] === undefined ? 1 : Number(word[2]) + (omitted ? 0 : 1);
    return repeat(items, count, () => (omitted ? 'omitted' : 'stale'));
  }
  const histogram = HISTOGRAM.exec(token);
  if (histogram) return repeat(items, Number(histogram[1] ?? histogram[2] ?? 0) + 1, () => 'histogram');
  const number = ITEM.exec(token);
  if (!number) return `${token.slice(0, 40)} is no point`;
  const [, first, change, times] = number;
  if (change !== undefined && times === undefined) return `${token.slice(0, 40)} has no repetition`;
  let value = parseFloatText(first!)!;
  const delta = change === undefined ? 0 : parseFloatText(change)!;
  return repeat(items, Number(times ?? 0) + 1, (index) => {
    // Added up step by step, as Prometheus does, with its rounding.
    if (index > 0 && change !== undefined) value += delta;
    return value;
  });
}

function repeat(
  items: SequenceItem[],
  count: number,
  make: (index: number) => SequenceItem,
): string | undefined {
  if (count > MAX_ITEMS) return `more than ${MAX_ITEMS} points`;
  for (let index = 0; index < count; index++) items.push(make(index));
  return undefined;
}
