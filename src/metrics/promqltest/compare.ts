import { formatSeries, labelsKey, makeLabels } from '../labels.ts';
import type { QueryResult, Sample, Series } from '../model.ts';
import { almostEqual, formatFloat } from '../numbers.ts';
import type { EvalCommand, Expectation } from './script.ts';
import type { SequenceItem, SeriesLine } from './series-line.ts';

/** Relative error that Prometheus allows in its own test files. */
const TOLERANCE = 1e-6;

/** A result as text, for reports. */
export function showResult(result: QueryResult | null): string {
  if (result === null) return 'failure';
  switch (result.type) {
    case 'scalar':
      return formatFloat(result.value);
    case 'string':
      return JSON.stringify(result.value);
    case 'vector':
      return result.samples
        .map((sample) => `${formatSeries(sample.labels)} ${formatFloat(sample.value)}`)
        .join('; ');
    case 'matrix':
      return result.series
        .map(({ labels, points }) => {
          const shown = points.map(({ t, value }) => `${formatFloat(value)}@${t / 1000}`);
          return `${formatSeries(labels)} ${shown.slice(0, 20).join(' ')}`;
        })
        .join('; ');
  }
}

/** An expectation as text. */
export function showExpected(expected: Expectation): string {
  if (expected.fail.length > 0) return 'failure';
  if (expected.scalar !== null) return formatFloat(expected.scalar);
  if (expected.text !== null) return JSON.stringify(expected.text);
  return expected.series
    .map(({ labels, items }) => `${formatSeries(labels)} ${items.slice(0, 20).map(showItem).join(' ')}`)
    .join('; ');
}

function showItem(item: SequenceItem): string {
  return typeof item === 'number' ? formatFloat(item) : item === 'omitted' ? '_' : item;
}

/** True when the result is what the test expects. */
export function agrees(command: EvalCommand, result: QueryResult): boolean {
  const { expected } = command;
  switch (result.type) {
    case 'scalar':
      return expected.scalar !== null && almostEqual(expected.scalar, result.value, TOLERANCE);
    case 'string':
      return (expected.text ?? '') === result.value;
    case 'vector':
      return expected.scalar === null && agreesVector(expected, result.samples);
    case 'matrix':
      return expected.scalar === null && !expected.ordered && agreesMatrix(command, result.series);
  }
}

function bySeries(expected: Expectation): Map<string, { line: SeriesLine; position: number }> {
  return new Map(
    // A label set written with an empty value is the one without it.
    expected.series.map((line, position) => [
      labelsKey(makeLabels(Object.entries(line.labels))),
      { line, position },
    ]),
  );
}

function agreesVector(expected: Expectation, samples: readonly Sample[]): boolean {
  const wanted = bySeries(expected);
  if (wanted.size !== samples.length) return false;
  return samples.every(({ labels, value }, position) => {
    const found = wanted.get(labelsKey(labels));
    if (!found || (expected.ordered && found.position !== position)) return false;
    const [item] = found.line.items;
    return typeof item === 'number' && almostEqual(item, value, TOLERANCE);
  });
}

function agreesMatrix(command: EvalCommand, series: readonly Series[]): boolean {
  const { expected } = command;
  const startMs = expected.range?.startMs ?? command.startMs;
  const stepMs = expected.range?.stepMs ?? command.stepMs ?? 0;
  const wanted = bySeries(expected);
  if (wanted.size !== series.length) return false;
  return series.every(({ labels, points }) => {
    const found = wanted.get(labelsKey(labels));
    if (!found) return false;
    const values = found.line.items.flatMap((item, index) =>
      typeof item === 'number' ? [{ t: startMs + index * stepMs, value: item }] : [],
    );
    return (
      values.length === points.length &&
      values.every(({ t, value }, index) => {
        const point = points[index]!;
        return point.t === t && almostEqual(value, point.value, TOLERANCE);
      })
    );
  });
}
