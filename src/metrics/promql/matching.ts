import {
  formatSeries,
  isMetadata,
  keyOf,
  labelsKey,
  METADATA,
  makeLabels,
  NAME,
  onlyLabels,
  withoutLabels,
} from '../labels.ts';
import type { Labels } from '../model.ts';
import type { Binary, Matching } from './ast.ts';
import type { Evaluation, VectorSample } from './evaluation.ts';
import { failed } from './failure.ts';
import { compute, isComparison } from './operators.ts';

/** The key on which series of both sides match: the `on` labels, or all but the `ignoring` ones and what names the metric. */
function signer(expr: Binary, ev: Evaluation): (sample: VectorSample) => string {
  const { on, labels } = expr.matching;
  const ignored = new Set([...labels, ...METADATA]);
  const sign = on
    ? (series: Labels) => keyOf(series, labels)
    : (series: Labels) => labelsKey(withoutLabels(series, ignored));
  return (sample) => ev.keyFor(expr, sample.labels, sign);
}

/** `and`, `or`, `unless`. */
export function matchSets(
  expr: Binary,
  left: readonly VectorSample[],
  right: readonly VectorSample[],
  _t: number,
  ev: Evaluation,
): VectorSample[] {
  const keyOfSample = signer(expr, ev);
  ev.spend(left.length + right.length);
  if (expr.op === 'or') {
    const present = new Set(left.map(keyOfSample));
    return [...left, ...right.filter((sample) => !present.has(keyOfSample(sample)))];
  }
  const present = new Set(right.map(keyOfSample));
  return left.filter((sample) => present.has(keyOfSample(sample)) === (expr.op === 'and'));
}

/** Arithmetic and comparison between vectors: one-to-one, or many-to-one with `group_left`/`group_right`. */
export function matchVectors(
  expr: Binary,
  left: readonly VectorSample[],
  right: readonly VectorSample[],
  t: number,
  ev: Evaluation,
): VectorSample[] {
  const { matching } = expr;
  const swapped = matching.card === 'one-to-many';
  const [many, one] = swapped ? [right, left] : [left, right];
  const [fillMany, fillOne] = swapped
    ? [matching.fillRight, matching.fillLeft]
    : [matching.fillLeft, matching.fillRight];
  const filled = fillMany !== null || fillOne !== null;
  if ((left.length === 0 && right.length === 0) || (!filled && (left.length === 0 || right.length === 0)))
    return [];
  ev.spend(left.length + right.length);
  const keyOfSample = signer(expr, ev);
  const ones = uniqueSide(one, keyOfSample, matching, swapped);
  const pairing = new Pairing(expr, swapped, t, ev);
  for (const sample of many) {
    const key = keyOfSample(sample);
    const partner = ones.get(key) ?? (fillOne === null ? undefined : filler(sample, expr, fillOne, t));
    if (partner) pairing.add(sample, partner, key);
  }
  if (fillMany !== null) {
    for (const [key, sample] of ones) {
      if (!pairing.has(key)) pairing.add(filler(sample, expr, fillMany, t), sample, key);
    }
  }
  return pairing.result;
}

function uniqueSide(
  samples: readonly VectorSample[],
  keyOfSample: (sample: VectorSample) => string,
  matching: Matching,
  swapped: boolean,
): Map<string, VectorSample> {
  const unique = new Map<string, VectorSample>();
  for (const sample of samples) {
    const key = keyOfSample(sample);
    const other = unique.get(key);
    if (other) throw duplicateSeries(other.labels, sample.labels, matching, swapped ? 'left' : 'right');
    unique.set(key, sample);
  }
  return unique;
}

function duplicateSeries(first: Labels, second: Labels, matching: Matching, side: string) {
  const names = new Set(matching.labels);
  const group = matching.on
    ? onlyLabels(first, names)
    : withoutLabels(first, new Set([...names, ...METADATA]));
  const series = [braced(first), braced(second)].toSorted();
  return failed(
    `found duplicate series for the match group ${formatSeries(group)} on the ${side} hand-side of the operation: ` +
      `[${series.join(', ')}];many-to-many matching not allowed: matching labels must be unique on one side`,
  );
}

/** The series with its name among the labels, as Prometheus shows it in this message. */
function braced(labels: Labels): string {
  const name = labels[NAME];
  const rest = formatSeries(withoutLabels(labels, new Set([NAME])));
  if (name === undefined) return rest;
  return `{${NAME}=${JSON.stringify(name)}${rest === '{}' ? '' : ', '}${rest.slice(1)}`;
}

/** Applies the operator to matched pairs and refuses ambiguous matches, also where a comparison filters them away. */
class Pairing {
  readonly result: VectorSample[] = [];
  readonly #expr: Binary;
  readonly #swapped: boolean;
  readonly #t: number;
  readonly #ev: Evaluation;
  /** Match key → keys of the result's labels in many-to-one matching. */
  readonly #matched = new Map<string, Set<string>>();

  constructor(expr: Binary, swapped: boolean, t: number, ev: Evaluation) {
    this.#expr = expr;
    this.#swapped = swapped;
    this.#t = t;
    this.#ev = ev;
  }

  has(key: string): boolean {
    return this.#matched.has(key);
  }

  add(many: VectorSample, one: VectorSample, key: string): void {
    const { op, bool } = this.#expr;
    const [left, right] = this.#swapped ? [one, many] : [many, one];
    const computed = compute(op, left.value, right.value);
    const labels = this.#labels(many, one);
    this.#refuseAmbiguous(key, labels);
    if (!isComparison(op)) {
      this.result.push({ labels, value: computed, t: this.#t, dropName: false });
    } else if (bool) {
      this.result.push({ labels, value: computed, t: this.#t, dropName: true });
    } else if (computed === 1) {
      this.result.push({ labels, value: left.value, t: this.#t, dropName: many.dropName });
    }
  }

  #refuseAmbiguous(key: string, labels: Labels): void {
    const known = this.#matched.get(key);
    if (this.#expr.matching.card === 'one-to-one') {
      if (known) {
        throw failed(
          'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
        );
      }
      this.#matched.set(key, new Set());
      return;
    }
    const result = labelsKey(labels);
    if (known?.has(result))
      throw failed('multiple matches for labels: grouping labels must ensure unique matches');
    if (known) known.add(result);
    else this.#matched.set(key, new Set([result]));
  }

  #labels(many: VectorSample, one: VectorSample): Labels {
    const key = `${labelsKey(many.labels)}\n${labelsKey(one.labels)}`;
    return this.#ev.labelsFor(this.#expr, key, () => resultLabels(this.#expr, many.labels, one.labels));
  }
}

/**
 * The labels of a result: those of the many side; in one-to-one matching only the matching ones;
 * plus the labels that group_left/group_right takes from the one side. Arithmetic drops the name.
 */
function resultLabels(expr: Binary, many: Labels, one: Labels): Labels {
  const { matching } = expr;
  const names = new Set(matching.labels);
  const pairs = Object.entries(many).filter(([name]) => {
    if (!isComparison(expr.op) && isMetadata(name)) return false;
    return matching.card !== 'one-to-one' || names.has(name) === matching.on;
  });
  for (const name of matching.include) pairs.push([name, one[name] ?? '']);
  return makeLabels(pairs);
}

/** A sample for a side that is missing, when the operator has a fill value. */
function filler(sample: VectorSample, expr: Binary, value: number, t: number): VectorSample {
  const { on, labels } = expr.matching;
  const named = new Set(labels);
  const kept = Object.entries(sample.labels).filter(([name]) =>
    on ? named.has(name) : !named.has(name) && !isMetadata(name),
  );
  return { labels: makeLabels(kept), value, t, dropName: false };
}
