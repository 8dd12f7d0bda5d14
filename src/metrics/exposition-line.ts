import { makeLabels, NAME } from './labels.ts';
import { parseFloatText } from './numbers.ts';

/** One sample line as read. */
interface LineSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly t?: number;
}

const METRIC_NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL_NAME = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const SPACE = /[ \t]*/y;
const VALUE = /[^\s#]+/y;
const LARGEST_TIME = 8.64e15;

/**
 * Reads single sample lines: `name{a="b"} 1.5 1700000000000 # {exemplar}`. UTF-8 names may stand
 * quoted inside the braces, as Prometheus 3 writes them.
 */
export class LineReader {
  readonly #maxLabels: number;
  readonly #maxLength: number;
  #text = '';
  #at = 0;

  constructor(maxLabels: number, maxLength: number) {
    this.#maxLabels = maxLabels;
    this.#maxLength = maxLength;
  }

  /**
   * @param timeScale milliseconds per unit of a time stamp: 1 in the Prometheus format, 1000 in OpenMetrics
   * @returns the sample, or what is wrong with the line
   */
  read(text: string, timeScale: number): LineSample | string {
    this.#text = text;
    this.#at = 0;
    const pairs: [string, string][] = [];
    const name = this.#match(METRIC_NAME);
    if (name !== undefined) pairs.push([NAME, name]);
    this.#match(SPACE);
    if (this.#text[this.#at] === '{') {
      const problem = this.#readLabels(pairs);
      if (problem !== undefined) return problem;
    }
    if (pairs[0]?.[0] !== NAME) return 'the metric name is missing';
    if (pairs.length > this.#maxLabels + 1) return `more than ${this.#maxLabels} labels`;
    const seen = new Set<string>();
    for (const [label, value] of pairs) {
      if (seen.has(label)) return `the label ${label.slice(0, 60)} occurs twice`;
      seen.add(label);
      if (label.length > this.#maxLength || value.length > this.#maxLength) {
        return `a label is longer than ${this.#maxLength} characters`;
      }
    }
    return this.#readValue(pairs, timeScale);
  }

  #readValue(pairs: readonly (readonly [string, string])[], timeScale: number): LineSample | string {
    this.#match(SPACE);
    const valueText = this.#match(VALUE);
    if (valueText === undefined) return 'the value is missing';
    const value = parseFloatText(valueText);
    if (value === undefined) return `the value ${valueText.slice(0, 40)} is not a number`;
    this.#match(SPACE);
    const timeText = this.#match(VALUE);
    this.#match(SPACE);
    // What follows a `#` is an exemplar, which Allclear does not use.
    if (this.#at < this.#text.length && this.#text[this.#at] !== '#') return 'there is text after the sample';
    const labels = makeLabels(pairs);
    if (timeText === undefined) return { labels, value };
    const time = parseFloatText(timeText);
    if (time === undefined || !Number.isFinite(time) || Math.abs(time * timeScale) > LARGEST_TIME) {
      return `the time stamp ${timeText.slice(0, 40)} is not a time`;
    }
    return { labels, value, t: Math.round(time * timeScale) };
  }

  #readLabels(pairs: [string, string][]): string | undefined {
    this.#at++;
    for (;;) {
      this.#match(SPACE);
      if (this.#text[this.#at] === '}') {
        this.#at++;
        return undefined;
      }
      const quoted = this.#text[this.#at] === '"';
      const label = quoted ? this.#quoted() : this.#match(LABEL_NAME);
      if (label === undefined || label === '') return 'a label name is missing or not well formed';
      this.#match(SPACE);
      if (this.#text[this.#at] === '=') {
        this.#at++;
        this.#match(SPACE);
        const value = this.#text[this.#at] === '"' ? this.#quoted() : undefined;
        if (value === undefined) return `the value of label ${label.slice(0, 60)} is not a quoted string`;
        if (label === NAME) pairs.unshift([label, value]);
        else pairs.push([label, value]);
      } else if (quoted && pairs.length === 0) {
        pairs.push([NAME, label]);
      } else {
        return `the label ${label.slice(0, 60)} has no value`;
      }
      this.#match(SPACE);
      const next = this.#text[this.#at];
      if (next === ',') this.#at++;
      else if (next !== '}') return 'the label list is not closed';
    }
  }

  /** Reads a quoted string with the escapes \\ \" \n; other escapes are kept as they stand. */
  #quoted(): string | undefined {
    let out = '';
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const char = this.#text[at]!;
      if (char === '"') {
        this.#at = at + 1;
        return out;
      }
      if (char !== '\\') {
        out += char;
        continue;
      }
      const next = this.#text[++at];
      if (next === undefined) return undefined;
      if (next === 'n') out += '\n';
      else if (next === '"' || next === '\\') out += next;
      else out += `\\${next}`;
    }
    return undefined;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (!found) return undefined;
    this.#at = pattern.lastIndex;
    return found[0];
  }
}
