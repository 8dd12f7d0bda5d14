import { maxOf, minOf } from './numeric.ts';

/** Functions of one float, applied to every element of an instant vector. */
type FloatFunction = (value: number, scalars: readonly number[]) => number;

const DAY_MS = 86_400_000;

/** A date function sees whole seconds since the epoch, in UTC; beyond JavaScript's dates it gives NaN. */
function date(read: (date: Date) => number): FloatFunction {
  return (seconds) => read(new Date(Math.trunc(seconds) * 1000));
}

/** By name. Date functions without an argument are applied to the evaluation time. */
export const dateFunctions: ReadonlyMap<string, FloatFunction> = new Map<string, FloatFunction>([
  ['day_of_month', date((at) => at.getUTCDate())],
  ['day_of_week', date((at) => at.getUTCDay())],
  ['day_of_year', date((at) => Math.floor((at.getTime() - Date.UTC(at.getUTCFullYear(), 0)) / DAY_MS) + 1)],
  [
    'days_in_month',
    date((at) => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 0)).getUTCDate()),
  ],
  ['hour', date((at) => at.getUTCHours())],
  ['minute', date((at) => at.getUTCMinutes())],
  ['month', date((at) => at.getUTCMonth() + 1)],
  ['year', date((at) => at.getUTCFullYear())],
]);

/** By name; `scalars` are the further arguments. */
export const floatFunctions: ReadonlyMap<string, FloatFunction> = new Map<string, FloatFunction>([
  ['abs', Math.abs],
  ['acos', Math.acos],
  ['acosh', Math.acosh],
  ['asin', Math.asin],
  ['asinh', Math.asinh],
  ['atan', Math.atan],
  ['atanh', Math.atanh],
  ['ceil', Math.ceil],
  ['cos', Math.cos],
  ['cosh', Math.cosh],
  ['deg', (value) => (value * 180) / Math.PI],
  ['exp', Math.exp],
  ['floor', Math.floor],
  ['ln', Math.log],
  ['log10', Math.log10],
  ['log2', Math.log2],
  ['rad', (value) => (value * Math.PI) / 180],
  ['round', (value, [nearest = 1]) => Math.floor(value * (1 / nearest) + 0.5) / (1 / nearest)],
  // Math.sign agrees with Prometheus for zeros and NaN too.
  ['sgn', Math.sign],
  ['sin', Math.sin],
  ['sinh', Math.sinh],
  ['sqrt', Math.sqrt],
  ['tan', Math.tan],
  ['tanh', Math.tanh],
  ['clamp', (value, [min, max]) => maxOf(min!, minOf(max!, value))],
  ['clamp_min', (value, [min]) => maxOf(min!, value)],
  ['clamp_max', (value, [max]) => minOf(max!, value)],
]);
