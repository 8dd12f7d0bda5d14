import { formatSeries, keyOf, NAME, withLabels } from '../labels.ts';
import { type Matcher, makeMatcher } from '../matchers.ts';
import type { Labels } from '../model.ts';
import type { Call } from './ast.ts';
import type { Evaluation, VectorSample } from './evaluation.ts';
import { failed } from './failure.ts';
import { evaluateSelector } from './selectors.ts';

/** The labels by which a series finds the info metrics of its target. */
const IDENTIFYING = ['instance', 'job'] as const;
const TARGET_INFO = makeMatcher(NAME, '=', 'target_info');
/** What counts as an info metric where names are only excluded. */
const ANY_INFO = makeMatcher(NAME, '=~', '.+_info');

/**
 * Adds to each series the labels of the info metrics with the same `instance` and `job`: of `target_info`,
 * or of those that the second argument selects. Source: `promql/info.go` of Prometheus 3.
 * @param base the evaluated first argument
 */
export function joinInfo(
  call: Call,
  base: readonly VectorSample[],
  t: number,
  ev: Evaluation,
): VectorSample[] {
  const [first, second] = call.args;
  const matchers = second?.kind === 'selector' ? second.matchers : [];
  const given = matchers.filter(({ name }) => name === NAME);
  const wanted = matchers.filter(({ name }) => name !== NAME);
  const positive = given.some(({ operator }) => operator === '=' || operator === '=~');
  const names = given.length === 0 ? [TARGET_INFO] : positive ? given : [ANY_INFO, ...given];
  // An info metric is not joined with itself.
  const joined = (sample: VectorSample) => !names.every(({ test }) => test(sample.labels[NAME] ?? ''));
  const infos = infoSamples(base.filter(joined), [...names, ...wanted], (all) =>
    evaluateSelector(
      {
        kind: 'selector',
        matchers: all,
        reach: null,
        offset: 0,
        at: null,
        from: first!.from,
        to: first!.to,
      },
      t,
      ev,
    ),
  );
  const needed = wanted.some(({ test }) => !test(''));
  return base.flatMap((sample) => {
    if (!joined(sample)) return [sample];
    const found = infos.get(keyOf(sample.labels, IDENTIFYING)) ?? [];
    if (found.length === 0) return needed ? [] : [sample];
    return [{ ...sample, labels: enriched(sample.labels, found, wanted) }];
  });
}

/** The newest sample of each info metric, by the identifying labels. */
function infoSamples(
  base: readonly VectorSample[],
  matchers: readonly Matcher[],
  select: (matchers: readonly Matcher[]) => readonly VectorSample[],
): Map<string, readonly VectorSample[]> {
  const newest = new Map<string, VectorSample[]>();
  const known = IDENTIFYING.map((name) => new Set(base.flatMap(({ labels }) => labels[name] ?? [])));
  if (known.every((values) => values.size === 0)) return newest;
  for (const sample of select(matchers)) {
    const near = IDENTIFYING.every(
      (name, index) => known[index]!.size === 0 || known[index]!.has(sample.labels[name] ?? ''),
    );
    if (!near) continue;
    const key = keyOf(sample.labels, IDENTIFYING);
    const others = newest.get(key) ?? [];
    newest.set(key, others);
    const rival = others.findIndex(({ labels }) => labels[NAME] === sample.labels[NAME]);
    if (rival === -1) others.push(sample);
    else if (others[rival]!.t === sample.t) throw duplicate(others[rival]!, sample);
    else if (others[rival]!.t < sample.t) others[rival] = sample;
  }
  return newest;
}

function duplicate(first: VectorSample, second: VectorSample) {
  const [a, b] = [first, second].map(({ labels, t }) => `${formatSeries(labels)} @ ${t}`);
  return failed(`found duplicate series for info metric: existing ${a}, new ${b}`);
}

/** The labels with those of the info metrics that are wanted and not there yet; none wanted means all. */
function enriched(labels: Labels, infos: readonly VectorSample[], wanted: readonly Matcher[]): Labels {
  const added = new Map<string, string>();
  for (const info of infos) {
    for (const [name, value] of Object.entries(info.labels)) {
      if (name === NAME || (wanted.length > 0 && !wanted.some((matcher) => matcher.name === name))) continue;
      if ((added.get(name) ?? value) !== value) throw failed(`conflicting label: ${name}`);
      if (labels[name] === undefined) added.set(name, value);
    }
  }
  return withLabels(labels, [...added]);
}
