import { labelsKey, makeLabels, NAME, withLabels } from '../labels.ts';
import type { Labels } from '../model.ts';
import { compileRegex } from '../regex.ts';
import type { VectorSample } from './evaluation.ts';
import { failed } from './failure.ts';
import { sameLabels } from './selectors.ts';

/** `label_replace(v, dst, replacement, src, regex)`: where the whole `src` matches, `dst` becomes the replacement. */
export function labelReplace(samples: readonly VectorSample[], texts: readonly string[]): VectorSample[] {
  const [target, replacement, source, regex] = texts as readonly [string, string, string, string];
  const pattern = compileRegex(regex);
  if (!(pattern instanceof RegExp)) throw failed(`invalid regular expression in label_replace(): ${regex}`);
  if (!isLabelName(target)) throw failed(`invalid destination label name in label_replace(): ${target}`);
  return relabel(samples, target, (labels) => {
    const match = pattern.exec(labels[source] ?? '');
    return match ? expand(replacement, match) : undefined;
  });
}

/** `label_join(v, dst, separator, src…)`. */
export function labelJoin(samples: readonly VectorSample[], texts: readonly string[]): VectorSample[] {
  const [target, separator, ...sources] = texts as readonly [string, string, ...string[]];
  for (const source of sources) {
    if (!isLabelName(source)) throw failed(`invalid source label name in label_join(): ${source}`);
  }
  if (!isLabelName(target)) throw failed(`invalid destination label name in label_join(): ${target}`);
  return relabel(samples, target, (labels) => sources.map((source) => labels[source] ?? '').join(separator));
}

// Prometheus 3 allows any UTF-8 name that is not empty.
function isLabelName(name: string): boolean {
  return name !== '' && name.isWellFormed();
}

function relabel(
  samples: readonly VectorSample[],
  target: string,
  valueOf: (labels: Labels) => string | undefined,
): VectorSample[] {
  const seen = new Set<string>();
  return samples.map((sample) => {
    const value = valueOf(sample.labels);
    const changed = value !== undefined;
    const labels = changed ? withLabels(sample.labels, [[target, value]]) : sample.labels;
    const key = labelsKey(labels);
    if (seen.has(key)) throw sameLabels();
    seen.add(key);
    // Naming the metric on purpose keeps that name.
    return { ...sample, labels, dropName: changed && target === NAME ? false : sample.dropName };
  });
}

// Go's Regexp.Expand: `$1`, `${1}`, `$name`, `${name}`, `$$`; the longest run of letters, digits and `_` is the name.
function expand(template: string, match: RegExpExecArray): string {
  return template.replaceAll(
    /\$(?:\$|\{(\w+)\}|(\w+))/g,
    (whole, braced: string | undefined, bare: string | undefined) => {
      if (whole === '$$') return '$';
      const name = braced ?? bare!;
      return (/^\d+$/.test(name) ? match[Number(name)] : match.groups?.[name]) ?? '';
    },
  );
}

/** `sort_by_label`: natural order of the labels' values, then of the whole label set. */
export function sortByLabels(
  samples: readonly VectorSample[],
  names: readonly string[],
  descending: boolean,
): VectorSample[] {
  const sign = descending ? -1 : 1;
  return samples.toSorted((a, b) => {
    for (const name of names) {
      const order = naturalOrder(a.labels[name] ?? '', b.labels[name] ?? '');
      if (order !== 0) return sign * order;
    }
    return sign * compareLabels(a.labels, b.labels);
  });
}

/** Runs of digits compare as numbers, the rest as text. */
function naturalOrder(a: string, b: string): number {
  if (a === b) return 0;
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const x = left[index]!;
    const y = right[index]!;
    if (x === y) continue;
    if (/^\d/.test(x) && /^\d/.test(y)) {
      const difference = Number(x) - Number(y);
      if (difference !== 0) return difference;
      continue;
    }
    return x < y ? -1 : 1;
  }
  return left.length - right.length || (a < b ? -1 : 1);
}

function compareLabels(a: Labels, b: Labels): number {
  const left = Object.entries(a).toSorted(byName);
  const right = Object.entries(b).toSorted(byName);
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    for (const part of [0, 1]) {
      const x = left[index]![part]!;
      const y = right[index]![part]!;
      if (x !== y) return x < y ? -1 : 1;
    }
  }
  return left.length - right.length;
}

function byName(a: readonly [string, string], b: readonly [string, string]): number {
  return a[0] < b[0] ? -1 : 1;
}

/** The labels that `absent` gives its element: those that the selector requires exactly once by `=`. */
export function requiredLabels(
  matchers: readonly { name: string; operator: string; value: string }[],
): Labels {
  const uses = new Map<string, number>();
  for (const { name } of matchers) uses.set(name, (uses.get(name) ?? 0) + 1);
  return makeLabels(
    matchers
      .filter(({ name, operator }) => operator === '=' && name !== NAME && uses.get(name) === 1)
      .map(({ name, value }) => [name, value] as const),
  );
}
