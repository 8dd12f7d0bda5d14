import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseRuleFile } from './parse.ts';

const GOOD = `groups:
  - name: g
    interval: 30s
    query_offset: 1m
    limit: 10
    labels:
      team: core
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
        labels:
          kind: recorded
      - alert: Down
        expr: |
          up == 0
        for: 5m
        keep_firing_for: 1m30s
        labels:
          severity: critical
        annotations:
          summary: "{{ $labels.instance }} is down"
`;

describe('reading rule files', () => {
  it('reads groups, recording and alerting rules', () => {
    const [group] = parseRuleFile(GOOD, 'r.yaml');
    expect(group).toMatchObject({ name: 'g', intervalMs: 30_000, queryOffsetMs: 60_000, limit: 10, line: 2 });
    const [record, alert] = group!.rules;
    expect(record).toMatchObject({ kind: 'record', name: 'job:up:sum', expr: 'sum by (job) (up)', line: 9 });
    expect([...record!.labels.keys()]).toEqual(['team', 'kind']);
    expect(alert).toMatchObject({
      kind: 'alert',
      name: 'Down',
      expr: 'up == 0',
      forMs: 300_000,
      keepFiringForMs: 90_000,
    });
  });

  it('reads the rules that are shipped', () => {
    const file = join(import.meta.dirname, '..', '..', '..', 'runbooks', 'alerts.yaml');
    const groups = parseRuleFile(readFileSync(file, 'utf8'), file);
    expect(groups.flatMap((group) => group.rules).length).toBeGreaterThan(0);
  });

  it('accepts an empty file', () => {
    expect(parseRuleFile('', 'r.yaml')).toEqual([]);
    expect(parseRuleFile('groups:\n', 'r.yaml')).toEqual([]);
  });

  it('keeps rules that only a real Prometheus can evaluate', () => {
    const [group] = parseRuleFile(
      'groups: [{name: g, rules: [{record: x, expr: "limit_ratio(0.5, up)"}]}]',
      'r.yaml',
    );
    expect(group!.rules).toHaveLength(1);
  });

  it.each([
    ['a list', '- a\n', 1, /mapping with the key groups/],
    ['broken YAML', 'groups:\n  - name: "g\n', 3, /./],
    ['another key', 'groups: []\nrules: []\n', 2, /no key "rules"/],
    ['a group without a name', 'groups:\n  - rules: []\n', 2, /no name/],
    ['two groups of one name', 'groups:\n  - name: g\n  - name: g\n', 3, /occurs twice/],
    ['a rule without a kind', 'groups:\n  - name: g\n    rules:\n      - expr: up\n', 4, /neither/],
    ['both kinds', 'groups:\n  - name: g\n    rules:\n      - {alert: a, record: b, expr: up}\n', 4, /both/],
    ['no expr', 'groups:\n  - name: g\n    rules:\n      - alert: a\n', 4, /no expr/],
    [
      'a bad duration',
      'groups:\n  - name: g\n    rules:\n      - alert: a\n        expr: up\n        for: soon\n',
      6,
      /soon is no duration/,
    ],
    [
      'a misspelt key',
      'groups:\n  - name: g\n    rules:\n      - alert: a\n        expr: up\n        annotation: {}\n',
      6,
      /annotation/,
    ],
    [
      'for on a recording rule',
      'groups:\n  - name: g\n    rules:\n      - {record: a, expr: up, for: 1m}\n',
      4,
      /has for/,
    ],
    [
      'a bad metric name',
      'groups:\n  - name: g\n    rules:\n      - {record: "a b", expr: up}\n',
      4,
      /no metric name/,
    ],
  ])('refuses %s with its line', (_name, text, line, message) => {
    expect(() => parseRuleFile(text, 'r.yaml')).toThrow(
      expect.objectContaining({
        code: 'E_RULE_FILE',
        details: expect.objectContaining({
          file: 'r.yaml',
          line,
          what: expect.stringMatching(message) as string,
        }) as object,
      }),
    );
  });

  it('refuses a query that does not parse, and says where', () => {
    const text = 'groups:\n  - name: g\n    rules:\n      - alert: a\n        expr: sum(\n';
    expect(() => parseRuleFile(text, 'r.yaml')).toThrow(
      expect.objectContaining({
        code: 'E_PROMQL_SYNTAX',
        message: 'r.yaml:5: rule a: the query ends too early (at 1:5)',
      }),
    );
  });

  it('names the line of a template function it does not know, in a block too', () => {
    const text = `groups:
  - name: g
    rules:
      - alert: a
        expr: up
        annotations:
          description: |
            fine
            {{ query "up" }}
`;
    expect(() => parseRuleFile(text, 'r.yaml')).toThrow(
      expect.objectContaining({
        code: 'E_RULE_FILE',
        message: expect.stringMatching(/^r\.yaml:9: .*query/) as string,
      }),
    );
  });
});
