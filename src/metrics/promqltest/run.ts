import { AllclearError, toAllclearError } from '../../kernel/index.ts';
import { labelsKey, makeLabels, NAME } from '../labels.ts';
import type { Labels, QueryResult } from '../model.ts';
import { evaluateInstantAnnotated, evaluateRangeAnnotated } from '../promql/evaluate.ts';
import type { Annotation } from '../promql/evaluation.ts';
import { SampleWindow } from '../window.ts';
import { agrees, showExpected, showResult } from './compare.ts';
import { type Command, type EvalCommand, type Expected, type LoadCommand, parseScript } from './script.ts';
import type { SeriesLine } from './series-line.ts';

/** A case where the built-in evaluator gives something else than Prometheus. */
interface Disagreement {
  readonly line: number;
  readonly query: string;
  readonly expected: string;
  readonly got: string;
}

/** What came of one test file: `agreed + unsupported + disagreed.length` is `cases`. */
export interface TestReport {
  readonly file: string;
  readonly cases: number;
  readonly agreed: number;
  readonly unsupported: number;
  readonly disagreed: readonly Disagreement[];
}

/** A case that is not counted, and why. */
export interface UnsupportedCase {
  readonly line: number;
  readonly query: string;
  readonly reason: string;
}

type Outcome =
  | { kind: 'agreed' }
  | { kind: 'unsupported'; reason: string }
  | { kind: 'disagreed'; got: string; expected?: string };

/**
 * Runs a PromQL test file. Throws `E_PROMQL_TEST` when the file is not of the expected form.
 * @param onUnsupported told of every case that is not counted
 */
export function runTestFile(
  text: string,
  file: string,
  onUnsupported: (unsupported: UnsupportedCase) => void = () => {},
): TestReport {
  const bench = new Bench();
  const report = { file, cases: 0, agreed: 0, unsupported: 0, disagreed: [] as Disagreement[] };
  for (const command of parseScript(text, file)) {
    if (command.kind !== 'eval') {
      bench.prepare(command);
      continue;
    }
    report.cases++;
    const outcome = bench.judge(command);
    const { line, query } = command;
    if (outcome.kind === 'agreed') report.agreed++;
    else if (outcome.kind === 'unsupported') {
      report.unsupported++;
      onUnsupported({ line, query, reason: outcome.reason });
    } else {
      const expected = outcome.expected ?? showExpected(command.expected);
      report.disagreed.push({ line, query, expected, got: outcome.got });
    }
  }
  return report;
}

/** Functions whose result depends on start time stamps, where these are given. */
const COUNTER_FUNCTIONS = /\b(?:rate|increase|irate|resets)\b/;

/** Holds the data that a file loads, and judges its cases. */
class Bench {
  #window = emptyWindow();
  #startTimes = false;

  prepare(command: Exclude<Command, EvalCommand>): void {
    if (command.kind === 'clear') {
      this.#window = emptyWindow();
      this.#startTimes = false;
      return;
    }
    this.#startTimes ||= command.withStartTimes;
    // A series that is written twice in one command counts as last written.
    const series = new Map(command.series.map((line) => [labelsKey(line.labels), line]));
    for (const line of series.values()) this.#load(line, command.stepMs);
    if (command.withNative) this.#loadNative([...series.values()], command);
  }

  judge(command: EvalCommand): Outcome {
    const { expected, query } = command;
    if (expected.series.some((line) => line.items.includes('histogram'))) {
      return { kind: 'unsupported', reason: 'a native histogram is expected' };
    }
    if (this.#startTimes && COUNTER_FUNCTIONS.test(query)) {
      return { kind: 'unsupported', reason: 'start time stamps are not kept' };
    }
    let result: QueryResult;
    let annotations: readonly Annotation[];
    try {
      ({ result, annotations } = this.#evaluate(command));
    } catch (error) {
      return judgeFailure(toAllclearError(error), expected.fail);
    }
    if (expected.fail.length > 0 || !agrees(command, result))
      return { kind: 'disagreed', got: showResult(result) };
    return judgeAnnotations(command, annotations);
  }

  #evaluate(command: EvalCommand): { result: QueryResult; annotations: readonly Annotation[] } {
    const { query, startMs, endMs, stepMs } = command;
    if (stepMs === null)
      return evaluateInstantAnnotated(query, this.#window, startMs, { timeoutMs: 100_000 });
    const range = { startMs, endMs, stepMs };
    const { result, annotations } = evaluateRangeAnnotated(query, this.#window, range, {
      timeoutMs: 100_000,
    });
    return { result: { type: 'matrix', series: result }, annotations };
  }

  #load({ labels, items }: SeriesLine, stepMs: number): void {
    items.forEach((item, index) => {
      const t = index * stepMs;
      if (item === 'histogram') this.#window.markHistogram(labels, t);
      else if (item === 'stale') this.#window.markStale(labels, t);
      else if (item !== 'omitted') this.#window.append(labels, t, item);
    });
  }

  /** Marks where `load_with_nhcb` puts the native twin of a classic histogram. */
  #loadNative(series: readonly SeriesLine[], command: LoadCommand): void {
    const times = new Map<string, { labels: Labels; at: Set<number> }>();
    for (const { labels, items } of series) {
      const base = /^(.*)_(?:bucket|count|sum)$/.exec(labels[NAME] ?? '')?.[1];
      if (base === undefined) continue;
      const twin = makeLabels([
        ...Object.entries(labels).filter(([name]) => name !== NAME && name !== 'le'),
        [NAME, base],
      ]);
      const key = labelsKey(twin);
      const known = times.get(key) ?? { labels: twin, at: new Set<number>() };
      times.set(key, known);
      items.forEach((item, index) => {
        if (typeof item === 'number') known.at.add(index * command.stepMs);
      });
    }
    for (const { labels, at } of times.values()) {
      for (const t of [...at].toSorted((a, b) => a - b)) this.#window.markHistogram(labels, t);
    }
  }
}

function emptyWindow(): SampleWindow {
  return new SampleWindow({ retentionSeconds: 1e12, maxSeries: 100_000, maxPointsPerSeries: 2_000_000 });
}

function matchesExpected(message: string, expected: Expected): boolean {
  if (expected.message !== undefined) return expected.message === message;
  return expected.pattern?.test(message) ?? true;
}

function judgeFailure(error: AllclearError, fail: readonly Expected[]): Outcome {
  const { what } = error.details;
  const unknown = error.code === 'E_PROMQL_SYNTAX' && what.startsWith('unknown function');
  if (error.code === 'E_PROMQL_UNSUPPORTED' || unknown) return { kind: 'unsupported', reason: what };
  const got = `${error.code}: ${what}`;
  if (fail.length === 0 || !/^E_PROMQL_(?:FAILED|SYNTAX)$/.test(error.code))
    return { kind: 'disagreed', got };
  if (fail.every((expected) => matchesExpected(what, expected))) return { kind: 'agreed' };
  const wanted = fail.map((expected) => expected.message ?? expected.pattern?.source ?? '').join('; ');
  return { kind: 'disagreed', got, expected: `failure: ${wanted}` };
}

/** The values agree; a demanded annotation that Allclear does not give in the same words is not counted. */
function judgeAnnotations({ expected }: EvalCommand, annotations: readonly Annotation[]): Outcome {
  for (const level of ['warn', 'info'] as const) {
    const given = annotations.filter((annotation) => annotation.level === level);
    const forbidden = level === 'warn' ? expected.noWarn : expected.noInfo;
    if (forbidden && given.length > 0) {
      const got = given.map((annotation) => annotation.message).join('; ');
      return { kind: 'disagreed', got, expected: `no ${level} annotation` };
    }
    for (const wanted of expected[level]) {
      if (given.some((annotation) => matchesExpected(annotation.message, wanted))) continue;
      const text = wanted.message ?? wanted.pattern?.source ?? `any ${level}`;
      return { kind: 'unsupported', reason: `the annotation is not given: ${text}` };
    }
    // Where a test names remarks of a level, Prometheus allows no others.
    const stray = given.filter(
      ({ message }) => !expected[level].some((one) => matchesExpected(message, one)),
    );
    if (expected[level].length > 0 && stray.length > 0) {
      const got = stray.map((annotation) => annotation.message).join('; ');
      return { kind: 'disagreed', got, expected: `no other ${level} annotation` };
    }
  }
  return { kind: 'agreed' };
}
