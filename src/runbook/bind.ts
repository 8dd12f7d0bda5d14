/**
 * Binds an expectation to what a command's output can give (docs/format.md, "What output means"), as CEL.
 * When in doubt it does not bind: the caller then asks the operator instead.
 */
import type { Claim, Expectation } from './expectations.ts';
import type { BlockLanguage } from './model.ts';
import { quantitiesOf, topicsOf } from './quantities.ts';

/** What the condition is about to be bound to. */
export interface Target {
  readonly language: BlockLanguage;
  readonly command: string;
  /** True when the command carries several expectations: then each must share a word with it. */
  readonly shared: boolean;
}

/** The command prints Prometheus metrics (or a part of them). */
const METRICS = /\/metrics\b|_total\b|_seconds\b|_bucket\b|_bytes\b|_duration\b|\bprom2json\b/;

/** @returns a CEL expression, or null when the output cannot decide the expectation */
export function bindExpectation(expectation: Expectation, target: Target): string | null {
  const { claim, subject } = expectation;
  const wanted = topicsOf(subject);
  const measured = topicsOf(target.command);
  if (claim.kind === 'compare' && claim.unit === 'seconds' && target.language !== 'promql')
    wanted.add('latency');
  if (quantitiesOf(wanted).some((quantity) => !measured.has(quantity))) return null;
  if (target.shared && ![...wanted].some((topic) => measured.has(topic))) return null;
  return target.language === 'promql'
    ? bindQuery(claim, target.command)
    : bindShell(claim, expectation, target.command);
}

/** A query's value already has its unit; only percentages and per-minute rates depend on how it was written. */
function bindQuery(claim: Claim, query: string): string | null {
  if (claim.kind === 'empty') return 'size(values) == 0';
  if (claim.kind === 'not-empty') return 'size(values) > 0';
  if (claim.kind !== 'compare' || claim.unit === 'lines') return null;
  const inPercent = /\*\s{0,3}100\b|\b100\s{0,3}\*/.test(query);
  if (claim.unit === 'ratio') return compareCel('value', claim, inPercent ? 100 : 1);
  if (claim.unit === 'rate' && /\bincrease\s{0,3}\(|\*\s{0,3}60\b/.test(query)) return null;
  if (claim.unit === 'seconds' && /\*\s{0,3}1000\b|milli|_ms\b/.test(query)) return null;
  return compareCel('value', claim);
}

function bindShell(claim: Claim, { subject, sentence }: Expectation, command: string): string | null {
  if (claim.kind === 'empty') return 'lines == 0';
  if (claim.kind === 'not-empty') return 'lines > 0';
  if (claim.kind === 'succeed') return 'exit == 0';
  if (claim.kind !== 'compare') return null;
  const metrics = METRICS.test(command);
  switch (claim.unit) {
    case 'lines':
      return compareCel('lines', claim);
    case 'rate':
      return metrics ? compareCel('rate', claim) : null;
    case 'seconds':
      return metrics ? bindLatency(claim, sentence, command) : null;
    case 'ratio':
      return metrics ? bindRatio(claim, command) : null;
    case 'bytes':
      return metrics ? compareCel('value', claim) : null;
    case 'plain':
      return compareCel(metrics && /\b(?:rate|throughput)\b/i.test(subject) ? 'rate' : 'value', claim);
  }
}

type Compare = Extract<Claim, { kind: 'compare' }>;

/** Histograms give percentiles: the one the sentence names, else the 95th. Ages and lags are plain values. */
function bindLatency(claim: Compare, sentence: string, command: string): string | null {
  if (/_(?:age|lag|uptime|timestamp|time)_seconds/.test(command)) return compareCel('value', claim);
  const named = /\bp(\d{2,3})\b|\b(\d{2})(?:\.\d+)?(?:th|st|nd|rd)? percentile/i.exec(sentence);
  const percentile = named?.[1] ?? named?.[2];
  if (percentile !== undefined) {
    return ['50', '90', '95', '99'].includes(percentile) ? compareCel(`p${percentile}`, claim) : null;
  }
  if (/\bmedian\b/i.test(sentence)) return compareCel('p50', claim);
  if (/\b(?:mean|average|avg)\b/i.test(sentence)) return compareCel('mean', claim);
  return compareCel('p95', claim);
}

/** CPU seconds per second are a share of a core. Other percentages need a metric that says it is one. */
function bindRatio(claim: Compare, command: string): string | null {
  if (/cpu\w{0,40}_seconds/.test(command)) return compareCel('rate', claim);
  if (/_percent(?:age)?\b/.test(command)) return compareCel('value', claim, 100);
  return /_(?:ratio|utili[sz]ation)\b/.test(command) ? compareCel('value', claim) : null;
}

function compareCel(name: string, { comparator, number }: Compare, scale = 1): string {
  return `${name} ${comparator} ${Number((number * scale).toPrecision(12))}`;
}
