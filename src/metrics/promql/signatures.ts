import type { ValueType } from './ast.ts';

/** The arguments a function takes. */
export interface Signature {
  readonly args: readonly ValueType[];
  /** How many arguments are required. */
  readonly min: number;
  /** How many are allowed; the last type repeats. */
  readonly max: number;
}

const TYPES: Record<string, ValueType> = { v: 'vector', m: 'matrix', s: 'scalar', t: 'string' };

// One letter per argument: v vector, m range vector, s scalar, t text; `?` optional, `*` any number.
const SHAPES: Record<string, string> = {
  '': 'end pi range start step time',
  v: `abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count
    histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad scalar sgn sin sinh sort sort_desc sqrt
    start_timestamp tan tanh timestamp`,
  'v?': 'day_of_month day_of_week day_of_year days_in_month hour minute month year',
  m: `absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate
    last_over_time mad_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time
    stdvar_over_time sum_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time
    ts_of_min_over_time`,
  vs: 'clamp_max clamp_min',
  'vs?': 'round',
  vss: 'clamp',
  ss: 'max_of min_of',
  ms: 'predict_linear',
  mss: 'double_exponential_smoothing',
  sm: 'quantile_over_time',
  sv: 'histogram_quantile',
  ssv: 'histogram_fraction',
  'vv?': 'info',
  s: 'vector',
  vtttt: 'label_replace',
  'vttt*': 'label_join',
  'vt*': 'sort_by_label sort_by_label_desc',
  'vtss*': 'histogram_quantiles',
};

/** Every function and what it takes. */
export const signatures: ReadonlyMap<string, Signature> = new Map(
  Object.entries(SHAPES).flatMap(([shape, names]) => {
    const signature = readShape(shape);
    return names.split(/\s+/).map((name) => [name, signature] as const);
  }),
);

function readShape(shape: string): Signature {
  const open = /[?*]$/.exec(shape)?.[0];
  const args = Array.from(shape.replace(/[?*]/, ''), (letter) => TYPES[letter]!);
  if (open === undefined) return { args, min: args.length, max: args.length };
  return { args, min: args.length - 1, max: open === '?' ? args.length : Number.POSITIVE_INFINITY };
}

/**
 * What the built-in evaluator refuses, and why; a test holds this list against the grammar.
 * `limit_ratio` picks series by a hash that is Prometheus's own.
 */
export const unsupportedFunctions: ReadonlyMap<string, string> = new Map([
  ['histogram_avg', 'it works on native histograms'],
  ['histogram_count', 'it works on native histograms'],
  ['histogram_stddev', 'it works on native histograms'],
  ['histogram_stdvar', 'it works on native histograms'],
  ['histogram_sum', 'it works on native histograms'],
  ['limit_ratio', 'it picks series by a hash of Prometheus itself'],
  ['start_timestamp', 'start time stamps are not kept'],
]);

/** Functions that Prometheus knows, or knew, and its published grammar does not: refused, not misspelt. */
export const functionsOutsideTheGrammar: ReadonlySet<string> = new Set(['holt_winters', 'integral']);

/** The published grammar has these for durations only, yet they are functions as well. */
export const functionsTheGrammarMisses: ReadonlySet<string> = new Set(['max_of', 'min_of']);
