/** A query's result as text, for the record and for people. */
import type { Labels, QueryResult } from '../metrics/index.ts';

const MAX_SERIES = 200;

export function describeResult(result: QueryResult): string {
  if (result.type === 'scalar') return `${result.value}\n`;
  if (result.type === 'string') return `${result.value}\n`;
  if (result.type === 'matrix')
    return lines(
      result.series.map(({ labels, points }) => `${describeLabels(labels)} ${points.length} points`),
    );
  return lines(result.samples.map(({ labels, value }) => `${describeLabels(labels)} ${value}`));
}

function lines(all: readonly string[]): string {
  if (all.length === 0) return 'no data\n';
  const shown = all.slice(0, MAX_SERIES);
  const more = all.length > shown.length ? `… ${all.length - shown.length} more\n` : '';
  return `${shown.join('\n')}\n${more}`;
}

function describeLabels({ __name__: name = '', ...labels }: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `${name}{${pairs.join(', ')}}`;
}
