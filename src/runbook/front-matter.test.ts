import { describe, expect, it } from 'vitest';
import { parseRunbook } from './index.ts';

const parse = (source: string) => parseRunbook(source, 'runbooks/some-trouble.md');
const readYaml = (yaml: string) => parse(`---\n${yaml}\n---\n# T\n`);

describe('front matter', () => {
  it('gives every known key, and keeps the others', () => {
    const { id, frontMatter } = readYaml(
      'id: x\nseverity: Warning\nalerts: [A, B]\nowner: team\napplies-to: {protocol: "<=2025-11-25"}\nreviewed: 2026-01-31\nreview-every: 30d\nconfirm: a && b\nparams:\n  region: where\n  count: {description: how many, default: 2}\nextra: {deep: [1]}',
    );
    expect(id).toBe('x');
    expect(frontMatter).toMatchObject({
      severity: 'warning',
      alerts: ['A', 'B'],
      owner: 'team',
      appliesTo: { protocol: '<=2025-11-25' },
      reviewed: '2026-01-31',
      reviewEvery: 30 * 86_400,
      confirm: 'a && b',
      raw: { extra: { deep: [1] } },
      params: [
        { name: 'region', description: 'where', default: null },
        { name: 'count', description: 'how many', default: '2' },
      ],
    });
  });

  it('has defaults', () => {
    expect(parse('# T')).toMatchObject({
      id: 'some-trouble',
      frontMatter: { severity: null, alerts: [], reviewEvery: 90 * 86_400, params: [] },
    });
  });

  it.each([
    ['severity: [1', 'front-matter:2'],
    ['a: 1\n  b: 2: 3', 'front-matter:3'],
    ['- a\n- b', 'front-matter:2'],
    ['a: 1\nseverity: urgent', 'front-matter:3'],
    ['reviewed: 2026-02-30', 'front-matter:2'],
    ['review-every: often', 'front-matter:2'],
    ['id: {a: b}', 'front-matter:2'],
    [
      'a: &a [x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nd: &d [*c, *c, *c]\ne: [*d, *d, *d]',
      'front-matter:2',
    ],
  ])('says what is wrong in %j, and the runbook still loads', (yaml, diagnostic) => {
    const runbook = readYaml(yaml);
    expect(runbook.title).toBe('T');
    expect(runbook.diagnostics.map(({ rule, line }) => `${rule}:${line}`)).toContain(diagnostic);
  });

  it('does not reach into the prototype', () => {
    const { frontMatter } = readYaml('__proto__: {severity: critical}\nconstructor: x');
    expect(frontMatter.severity).toBeNull();
    expect(({} as Record<string, unknown>)['severity']).toBeUndefined();
  });
});

describe('history', () => {
  it('is read from lists, headings and paragraphs', () => {
    expect(
      parse('## History\n- 2026-01-02: one\n- **2026-01-01** — two\n- undated\n').history.map(
        ({ date, text }) => [date, text],
      ),
    ).toEqual([
      ['2026-01-02', 'one'],
      ['2026-01-01', 'two'],
      [null, 'undated'],
    ]);
    expect(
      parse('## Changelog\n### 2026-01-02\nlong\ntext\n\n### [2026-01-01] Start\n').history,
    ).toMatchObject([
      { date: '2026-01-02', text: 'long text', line: 2 },
      { date: '2026-01-01', text: 'Start' },
    ]);
  });
});
