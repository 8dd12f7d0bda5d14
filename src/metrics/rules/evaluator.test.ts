import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { formatSeries, makeLabels } from '../labels.ts';
import type { Alert } from '../model.ts';
import { evaluateInstant } from '../promql/evaluate.ts';
import { SampleWindow } from '../window.ts';
import { RuleEvaluator, type RuleFailure } from './evaluator.ts';
import { parseRuleFile } from './parse.ts';

function bench(rules: string) {
  const clock = new TestClock(1_000_000_000_000);
  const window = new SampleWindow();
  const alerts: Alert[] = [];
  const failures: RuleFailure[] = [];
  let accept = true;
  const indented = rules.trim().replaceAll('\n', '\n      ');
  const evaluator = new RuleEvaluator({
    groups: parseRuleFile(`groups:\n  - name: g\n    rules:\n      ${indented}\n`, 'r.yaml'),
    window,
    clock,
    onAlerts: (batch) => {
      if (!accept) throw new Error('no room');
      alerts.push(...batch);
    },
    onFailure: (batch) => failures.push(...batch),
  });
  const ask = (query: string) => {
    const result = evaluateInstant(query, window, clock.now());
    return result.type === 'vector'
      ? result.samples.map(({ labels, value }) => `${formatSeries(labels)} ${value}`)
      : [];
  };
  return {
    clock,
    window,
    alerts,
    failures,
    evaluator,
    ask,
    refuse: (value: boolean) => {
      accept = !value;
    },
    /** Writes x{i=…} and evaluates, a second later each time. */
    step: async (values: Record<string, number>) => {
      await clock.advance(1000);
      for (const [i, value] of Object.entries(values)) {
        window.append(
          makeLabels([
            ['__name__', 'x'],
            ['i', i],
          ]),
          clock.now(),
          value,
        );
      }
      return evaluator.evaluateOnce();
    },
  };
}

const states = (of: ReturnType<typeof bench>) => of.evaluator.active().map((alert) => alert.state);

describe('evaluating rules', () => {
  it('takes an alert from pending over firing to resolved, with times and a fingerprint', async () => {
    const b = bench(`
- alert: High
  expr: x > 5
  for: 2s
  labels: {severity: "{{ $labels.i }}"}
  annotations: {summary: "{{ $labels.i }} is {{ $value }}"}`);
    await b.step({ a: 9 });
    expect([states(b), b.alerts]).toEqual([['pending'], []]);
    await b.step({ a: 8 });
    await b.step({ a: 7 });
    expect(states(b)).toEqual(['firing']);
    await b.step({ a: 6 });
    await b.step({ a: 1 });
    expect(states(b)).toEqual([]);
    const labels = { alertname: 'High', i: 'a', severity: 'a' };
    const start = 1_000_000_003_000;
    expect(b.alerts).toEqual([
      {
        status: 'firing',
        labels,
        annotations: { summary: 'a is 7' },
        startsAt: start,
        endsAt: null,
        fingerprint: b.alerts[0]!.fingerprint,
      },
      {
        status: 'resolved',
        labels,
        annotations: { summary: 'a is 6' },
        startsAt: start,
        endsAt: start + 2000,
        fingerprint: b.alerts[0]!.fingerprint,
      },
    ]);
    expect(b.alerts[0]!.fingerprint).toMatch(/^[0-9a-f]{16}$/);
  });

  it('starts to count again when `for` is interrupted', async () => {
    const b = bench('- {alert: High, expr: x > 5, for: 2s}');
    for (const value of [9, 9, 1, 9, 9]) await b.step({ a: value });
    expect([states(b), b.alerts]).toEqual([['pending'], []]);
    await b.step({ a: 9 });
    expect(b.alerts).toHaveLength(1);
  });

  it('fires at once without `for`, one alert per series', async () => {
    const b = bench('- {alert: High, expr: x > 5}');
    await b.step({ a: 9, b: 1, c: 8 });
    expect(b.alerts.map((alert) => alert.labels.i)).toEqual(['a', 'c']);
  });

  it('goes on firing for keep_firing_for', async () => {
    const b = bench('- {alert: High, expr: x > 5, keep_firing_for: 3s}');
    for (const value of [9, 1, 1, 9, 1, 1, 1]) await b.step({ a: value });
    expect(states(b)).toEqual(['firing']);
    await b.step({ a: 1 });
    expect(b.alerts.map((alert) => alert.status)).toEqual(['firing', 'resolved']);
  });

  it('writes ALERTS, and ends it when the alert ends', async () => {
    const b = bench('- {alert: High, expr: x > 5, for: 1s}');
    await b.step({ a: 9 });
    expect(b.ask('ALERTS')).toEqual(['ALERTS{alertname="High", alertstate="pending", i="a"} 1']);
    await b.step({ a: 9 });
    expect(b.ask('ALERTS')).toEqual(['ALERTS{alertname="High", alertstate="firing", i="a"} 1']);
    await b.step({ a: 1 });
    expect(b.ask('ALERTS')).toEqual([]);
  });

  it('records series for the rules that follow in the group', async () => {
    const b = bench(`
- {record: "x:max", expr: max(x), labels: {kind: top}}
- {alert: High, expr: "x:max > 5"}`);
    await b.step({ a: 9, b: 2 });
    expect(b.ask('x:max')).toEqual(['x:max{kind="top"} 9']);
    expect(b.alerts).toMatchObject([{ labels: { alertname: 'High', kind: 'top' } }]);
  });

  it('goes on with the other rules when one fails, and names it', async () => {
    const b = bench(`
- {alert: Broken, expr: "x * on() group_left() x"}
- {alert: NotHere, expr: "limit_ratio(0.5, x)"}
- {alert: High, expr: x > 5}`);
    const failures = await b.step({ a: 9, b: 9 });
    expect(failures.map(({ rule, error }) => [rule, error.code, error.details.line])).toEqual([
      ['Broken', 'E_PROMQL_FAILED', 4],
      ['NotHere', 'E_PROMQL_UNSUPPORTED', 5],
    ]);
    expect(b.alerts).toHaveLength(2);
  });

  it('keeps alerts as they are while their rule fails', async () => {
    const b = bench('- {alert: High, expr: "x > 5 and on() x"}\n- {alert: Twice, expr: "x / on() x > 0"}');
    await b.step({ a: 9 });
    expect(states(b)).toEqual(['firing', 'firing']);
    await b.step({ a: 9, b: 9 });
    expect(b.evaluator.active().filter((alert) => alert.rule === 'Twice')).toHaveLength(1);
    expect(b.alerts.filter((alert) => alert.status === 'resolved')).toEqual([]);
  });

  it('refuses a rule whose alerts have the same labels', async () => {
    const b = bench('- {alert: High, expr: x > 5, labels: {i: same}}');
    await b.step({ a: 9, b: 9 });
    expect(b.failures[0]?.error.message).toMatch(/same labelset after applying alert labels/);
  });

  it('gives alerts again that the receiver could not take', async () => {
    const b = bench('- {alert: High, expr: x > 5}');
    b.refuse(true);
    await b.step({ a: 9 });
    expect(b.failures).toHaveLength(1);
    b.refuse(false);
    await b.step({ a: 9 });
    expect(b.alerts).toHaveLength(1);
    await b.step({ a: 9 });
    expect(b.alerts).toHaveLength(1);
  });

  it('evaluates at its interval until it is stopped', async () => {
    const b = bench('- {alert: High, expr: x > 5, for: 2s}');
    b.window.append(makeLabels([['__name__', 'x']]), b.clock.now(), 9);
    b.evaluator.start();
    await b.clock.advance(2500);
    expect(b.alerts).toHaveLength(1);
    await b.evaluator.stop();
    expect(b.alerts).toHaveLength(1);
  });
});
