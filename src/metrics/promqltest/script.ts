import { AllclearError } from '../../kernel/index.ts';
import { parseFloatText } from '../numbers.ts';
import { parseDurationMs, unquoteString } from '../promql/literals.ts';
import { BadSeriesLine, parseSeriesLine, type SeriesLine } from './series-line.ts';

/** Commands of a PromQL test file, in order. Notation: Prometheus, `promql/promqltest/README.md`. */
export type Command = LoadCommand | ClearCommand | EvalCommand;

interface ClearCommand {
  readonly kind: 'clear';
}

export interface LoadCommand {
  readonly kind: 'load';
  readonly stepMs: number;
  readonly series: readonly SeriesLine[];
  /** Classic histograms are loaded as native ones as well. */
  readonly withNative: boolean;
  /** Start time stamps are given (`@st`), which Allclear does not keep. */
  readonly withStartTimes: boolean;
}

export interface EvalCommand {
  readonly kind: 'eval';
  /** From 1. */
  readonly line: number;
  readonly query: string;
  /** One time for an instant query. */
  readonly startMs: number;
  readonly endMs: number;
  /** Null for an instant query. */
  readonly stepMs: number | null;
  readonly expected: Expectation;
}

export interface Expectation {
  series: SeriesLine[];
  scalar: number | null;
  text: string | null;
  ordered: boolean;
  fail: Expected[];
  warn: Expected[];
  info: Expected[];
  noWarn: boolean;
  noInfo: boolean;
  /** Times of an expected range vector. */
  range: { startMs: number; stepMs: number } | null;
}

/** A message that an error or annotation must have; both absent: any. */
export interface Expected {
  readonly message?: string;
  readonly pattern?: RegExp;
}

const LOAD = /^load(?:_(with_nhcb))?\s+(\S+)$/;
const INSTANT = /^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?)\s+)?(.+)$/;
const RANGE = /^eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)$/;
const EXPECT = /^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$/;
// The series as `load` writes it, then `@st`: start time stamps instead of values.
const START_TIMES = /^[\w:]*(?:\{.*\})?@st(?:\s|$)/;
const EXPECT_RANGE = /^expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)$/;

/** Reads a test file. Throws `E_PROMQL_TEST` with file and line. */
export function parseScript(text: string, file: string): Command[] {
  return new ScriptReader(text, file).read();
}

class ScriptReader {
  readonly #file: string;
  readonly #lines: readonly string[];
  /** Index of the line that is read. */
  #at = 0;

  constructor(text: string, file: string) {
    this.#file = file;
    // A comment line ends a block, like an empty one.
    this.#lines = text.split('\n').map((line) => {
      const trimmed = line.trim();
      return trimmed.startsWith('#') ? '' : trimmed;
    });
  }

  read(): Command[] {
    const commands: Command[] = [];
    for (; this.#at < this.#lines.length; this.#at++) {
      const line = this.#lines[this.#at]!;
      if (line === '') continue;
      const word = line.split(/[\t ]+/, 1)[0]!.toLowerCase();
      if (word === 'clear') commands.push({ kind: 'clear' });
      else if (word.startsWith('load')) commands.push(this.#load(line));
      else if (word.startsWith('eval')) commands.push(this.#eval(line));
      else throw this.#problem(`invalid command ${JSON.stringify(line.slice(0, 60))}`);
    }
    return commands;
  }

  /** The further lines of a block. */
  *#block(): Generator<string> {
    while (this.#lines[this.#at + 1]) yield this.#lines[++this.#at]!;
  }

  #load(line: string): LoadCommand {
    const match = LOAD.exec(line);
    if (!match) throw this.#problem('invalid load command');
    const stepMs = this.#duration(match[2]!);
    const series: SeriesLine[] = [];
    let withStartTimes = false;
    for (const text of this.#block()) {
      if (START_TIMES.test(text)) withStartTimes = true;
      else series.push(this.#series(text));
    }
    return { kind: 'load', stepMs, series, withNative: match[1] !== undefined, withStartTimes };
  }

  #eval(line: string): EvalCommand {
    const at = this.#at + 1;
    const range = RANGE.exec(line);
    const instant = range ? null : INSTANT.exec(line);
    if (!range && !instant) throw this.#problem('invalid eval command');
    const mode = (range ?? instant)![1];
    const expected: Expectation = {
      series: [],
      scalar: null,
      text: null,
      ordered: mode === 'ordered',
      fail: mode === 'fail' ? [{}] : [],
      warn: mode === 'warn' ? [{}] : [],
      info: mode === 'info' ? [{}] : [],
      noWarn: false,
      noInfo: false,
      range: null,
    };
    for (const text of this.#block()) if (!this.#expectation(text, expected)) break;
    const base = { kind: 'eval', line: at, expected } as const;
    if (instant) {
      const time = instant[2] === undefined ? 0 : this.#duration(instant[2]);
      return { ...base, query: instant[3]!, startMs: time, endMs: time, stepMs: null };
    }
    const [, , from, to, step, query] = range! as unknown as [string, string, string, string, string, string];
    const startMs = this.#duration(from);
    const endMs = this.#duration(to);
    if (endMs < startMs) throw this.#problem('the end lies before the start');
    return { ...base, query, startMs, endMs, stepMs: this.#duration(step) };
  }

  /** Reads one line below `eval`. False when the block ends with it. */
  #expectation(text: string, expected: Expectation): boolean {
    const message = /^expected_fail_(message|regexp)\s+(.+)$/.exec(text);
    if (message) {
      expected.fail = [message[1] === 'message' ? { message: message[2]! } : this.#pattern(message[2]!)];
      return false;
    }
    if (text.startsWith('expect range vector')) {
      const [, from, to, step] = EXPECT_RANGE.exec(text) ?? [];
      if (from === undefined) throw this.#problem('invalid range vector definition');
      this.#duration(to!);
      expected.range = { startMs: this.#duration(from), stepMs: this.#duration(step!) };
      return true;
    }
    if (/^expect string\b/.test(text)) {
      expected.text = unquoteString(text.slice('expect string'.length).trim()) ?? null;
      if (expected.text === null) throw this.#problem('the expected string is not quoted');
      return true;
    }
    if (text.split(' ')[0] === 'expect') {
      this.#expect(text, expected);
      return true;
    }
    const scalar = parseFloatText(text);
    if (scalar !== undefined) {
      expected.scalar = scalar;
      return false;
    }
    expected.series.push(this.#series(text));
    return true;
  }

  #expect(text: string, expected: Expectation): void {
    const [, kind, how, what] = EXPECT.exec(text) ?? [];
    const wanted: Expected =
      how === undefined ? {} : how === 'msg' ? { message: what!.trim() } : this.#pattern(what!.trim());
    if (kind === 'ordered') expected.ordered = true;
    else if (kind === 'no_warn') expected.noWarn = true;
    else if (kind === 'no_info') expected.noInfo = true;
    else if (kind === 'fail' || kind === 'warn' || kind === 'info') expected[kind].push(wanted);
    else throw this.#problem(`invalid expect line ${JSON.stringify(text.slice(0, 60))}`);
  }

  #pattern(source: string): Expected {
    try {
      return { pattern: new RegExp(source) };
    } catch {
      throw this.#problem(`bad regular expression ${JSON.stringify(source.slice(0, 60))}`);
    }
  }

  #series(text: string): SeriesLine {
    const series = parseSeriesLine(text);
    if (series instanceof BadSeriesLine) throw this.#problem(series.message);
    return series;
  }

  #duration(text: string): number {
    const sign = text.startsWith('-') ? -1 : 1;
    const ms = parseDurationMs(text.replace(/^-/, ''));
    if (ms === undefined) throw this.#problem(`${JSON.stringify(text.slice(0, 40))} is no duration`);
    return sign * ms;
  }

  #problem(what: string): AllclearError {
    return new AllclearError('E_PROMQL_TEST', {
      what,
      next: 'The notation is described in the README of promql/promqltest in the Prometheus sources.',
      file: this.#file,
      line: this.#at + 1,
    });
  }
}
