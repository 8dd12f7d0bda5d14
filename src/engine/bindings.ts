/**
 * What a check's output means: the names that conditions can use (docs/verdicts.md), and for a name
 * that has no value, why. Numbers are doubles in SI units.
 */
import type { QueryResult } from '../metrics/index.ts';
import type { Bound } from './bound.ts';
import { bindSamples, isExposition, readScrape, type Scrape } from './exposition-bindings.ts';
import { parseQuantity } from './quantity.ts';

/** The names of shell checks that need a second sample a few seconds later. */
export const SECOND_SAMPLE_NAMES = ['rate', 'p50', 'p90', 'p95', 'p99', 'mean'] as const;

export const SHELL_NAMES = [
  'exit',
  'stdout',
  'lines',
  'value',
  'json',
  'series',
  'values',
  ...SECOND_SAMPLE_NAMES,
] as const;

export const QUERY_NAMES = ['value', 'values', 'series'] as const;

/** What one run of a command gave. */
export interface Sampled {
  readonly stdout: string;
  readonly exit: number | null;
  /** The output was longer than what is kept: only its head and tail are there. */
  readonly truncated: boolean;
}

/** True when a second sample adds something: the output is metrics. */
export function isSampled({ stdout, truncated }: Sampled): boolean {
  return !truncated && isExposition(readScrape(stdout));
}

/**
 * Binds what a command printed.
 * @param second the same command a few seconds later, where the condition needs it
 */
export function bindCommand(first: Sampled, second: (Sampled & { readonly seconds: number }) | null): Bound {
  const latest = second ?? first;
  const { stdout, exit, truncated } = latest;
  const common = { ...(exit === null ? {} : { exit }), stdout };
  if (truncated) {
    const why = 'the output is too long to be read whole';
    return { values: common, absent: absentNames(why), quantities: {} };
  }
  const trimmed = stdout.trim();
  const lines = trimmed === '' ? 0 : stdout.replace(/\n+$/, '').split('\n').length;
  const scrape = readScrape(stdout);
  if (isExposition(scrape)) {
    const earlier: Scrape | null = second ? readScrape(first.stdout) : null;
    const bound = bindSamples(
      scrape,
      earlier && second ? { scrape: earlier, seconds: second.seconds } : null,
    );
    return { ...bound, values: { ...common, lines, ...bound.values } };
  }
  const quantity = parseQuantity(trimmed);
  const json = parseJson(trimmed);
  return {
    values: {
      ...common,
      lines,
      ...(quantity === null ? {} : { value: quantity.value }),
      ...(json === undefined ? {} : { json }),
      ...(trimmed === '' ? { series: [], values: [] } : {}),
    },
    absent: {
      ...absentNames(trimmed === '' ? 'the command printed nothing' : 'the output is not metrics text'),
      ...(trimmed === ''
        ? {}
        : { value: 'the output is not a single number', json: 'the output is not JSON' }),
    },
    quantities: quantity === null ? {} : { value: quantity.quantity },
  };
}

function absentNames(why: string): Record<string, string> {
  return Object.fromEntries(SHELL_NAMES.map((name) => [name, why]));
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

/** Binds the answer to a PromQL query. @param query tells the unit of a percentile, for showing it */
export function bindQuery(result: QueryResult, query = ''): Bound {
  const bound = bindResult(result);
  const isSeconds = /^\s*histogram_quantile\b/.test(query) && /_seconds(?:_bucket)?\b/.test(query);
  return isSeconds ? { ...bound, quantities: { value: 'seconds' } } : bound;
}

function bindResult(result: QueryResult): Bound {
  if (result.type === 'scalar') return single(result.value);
  if (result.type === 'string') {
    return { values: {}, absent: allAbsent('the query gives a string'), quantities: {} };
  }
  if (result.type === 'matrix') {
    return {
      values: {},
      absent: allAbsent('the query gives ranges: it needs a function around'),
      quantities: {},
    };
  }
  const samples = result.samples;
  const lists = {
    values: samples.map((sample) => sample.value),
    series: samples.map(({ labels, value }) => ({ labels, value })),
  };
  if (samples.length === 1) {
    const one = single(samples[0]!.value);
    return { ...one, values: { ...one.values, ...lists } };
  }
  const why =
    samples.length === 0
      ? 'the query found no data'
      : `the query gives ${samples.length} series: aggregate them, or use values.all(v, …)`;
  return { values: lists, absent: { value: why }, quantities: {} };
}

function single(value: number): Bound {
  if (Number.isNaN(value)) {
    return {
      values: { values: [value], series: [] },
      absent: { value: 'the query gives NaN' },
      quantities: {},
    };
  }
  return { values: { value, values: [value], series: [{ labels: {}, value }] }, absent: {}, quantities: {} };
}

function allAbsent(why: string): Record<string, string> {
  return Object.fromEntries(QUERY_NAMES.map((name) => [name, why]));
}
