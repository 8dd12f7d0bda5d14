import type { Labels } from './model.ts';

/** The label that carries the metric's name. */
export const NAME = '__name__';

const EMPTY: Labels = Object.freeze(Object.create(null) as Record<string, string>);

/**
 * A label set from pairs. Empty values are left out, as Prometheus treats them as absent. The record
 * has no prototype, so that a label called `__proto__` or `constructor` is a label like any other.
 */
export function makeLabels(pairs: Iterable<readonly [string, string]>): Labels {
  const labels = Object.create(null) as Record<string, string>;
  for (const [name, value] of pairs) {
    if (value === '') delete labels[name];
    else labels[name] = value;
  }
  return labels;
}

/** The label set `{}`. */
export function noLabels(): Labels {
  return EMPTY;
}

/** The labels with some set (or removed, by an empty value). */
export function withLabels(labels: Labels, changes: Iterable<readonly [string, string]>): Labels {
  return makeLabels([...Object.entries(labels), ...changes]);
}

/** The labels without the given names. */
export function withoutLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  return makeLabels(Object.entries(labels).filter(([name]) => !names.has(name)));
}

/** Only the labels with the given names. */
export function onlyLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  return makeLabels(Object.entries(labels).filter(([name]) => names.has(name)));
}

/** Labels that say which metric a series is; Prometheus drops the type and unit together with the name. */
export const METADATA: ReadonlySet<string> = new Set([NAME, '__type__', '__unit__']);

/** True for the name and what goes with it when an operation makes another metric of a series. */
export function isMetadata(name: string): boolean {
  return METADATA.has(name);
}

const unnamed = new WeakMap<Labels, Labels>();

/** The labels without the metric's name, type and unit; the same object again for the same labels. */
export function dropName(labels: Labels): Labels {
  let rest = unnamed.get(labels);
  if (!rest) {
    rest = Object.keys(labels).some(isMetadata) ? withoutLabels(labels, METADATA) : labels;
    unnamed.set(labels, rest);
  }
  return rest;
}

const keys = new WeakMap<Labels, string>();

/** A text that is the same exactly for equal label sets; computed once per object. */
export function labelsKey(labels: Labels): string {
  const known = keys.get(labels);
  if (known !== undefined) return known;
  const key = joinPairs(labels, Object.keys(labels));
  keys.set(labels, key);
  return key;
}

/** The same over the named labels only; absent ones do not count. */
export function keyOf(labels: Labels, names: readonly string[]): string {
  return joinPairs(
    labels,
    names.filter((name) => labels[name] !== undefined),
  );
}

// Lengths in front of names and values keep `{a="bc"}` and `{ab="c"}` apart whatever they contain.
function joinPairs(labels: Labels, names: string[]): string {
  let key = '';
  for (const name of names.toSorted()) {
    const value = labels[name]!;
    key += `${name.length}:${name}${value.length}:${value}`;
  }
  return key;
}

const LEGACY_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LEGACY_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** True for names that need no quotes in PromQL and the text format. */
export function isPlainMetricName(name: string): boolean {
  return LEGACY_METRIC.test(name);
}

/** True for label names that need no quotes. */
function isPlainLabelName(name: string): boolean {
  return LEGACY_LABEL.test(name);
}

/** Writes a label set the way Prometheus shows a series: `name{a="b", c="d"}`, labels sorted. */
export function formatSeries(labels: Labels): string {
  const name = labels[NAME];
  const plain = name !== undefined && isPlainMetricName(name);
  const pairs = Object.keys(labels)
    .filter((label) => label !== NAME)
    .toSorted()
    .map((label) => `${isPlainLabelName(label) ? label : quote(label)}=${quote(labels[label]!)}`);
  if (name !== undefined && !plain) pairs.unshift(quote(name));
  if (plain && pairs.length === 0) return name;
  return `${plain ? name : ''}{${pairs.join(', ')}}`;
}

const SHORT: Record<string, string> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r' };

/**
 * A double-quoted string as Go writes it. Bytes that are no UTF-8 are kept as lone surrogates
 * U+DC80–U+DCFF inside Allclear and written back as `\xNN`.
 */
export function quote(text: string): string {
  let out = '"';
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (SHORT[char] !== undefined) out += SHORT[char];
    else if (code >= 0xdc80 && code <= 0xdcff) out += `\\x${(code - 0xdc00).toString(16)}`;
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else out += char;
  }
  return `${out}"`;
}

const FNV_OFFSET = 14_695_981_039_346_656_037n;
const FNV_PRIME = 1_099_511_628_211n;
const encoder = new TextEncoder();

/**
 * The fingerprint of a label set as Alertmanager computes it (`model.LabelSet.Fingerprint`): 64-bit
 * FNV-1a over the sorted names and values, each ended by the byte 255; 16 hexadecimal digits.
 */
export function fingerprint(labels: Labels): string {
  let hash = FNV_OFFSET;
  const add = (byte: number) => {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  };
  for (const name of Object.keys(labels).toSorted()) {
    for (const part of [name, labels[name]!]) {
      for (const byte of encoder.encode(part)) add(byte);
      add(255);
    }
  }
  return hash.toString(16).padStart(16, '0');
}
