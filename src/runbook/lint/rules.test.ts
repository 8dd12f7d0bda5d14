import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ruleDocblock, rulesDocument } from '../../../scripts/write-rules-doc.ts';
import { referenceRunbook } from '../../../test/corpora/runbooks.ts';
import { parseRunbook } from '../index.ts';
import { lintRunbook } from './lint-runbook.ts';
import type { AlertRule, LintContext } from './rule.ts';
import { rules } from './rules.ts';

const storm: AlertRule = {
  name: 'McpSessionStorm',
  runbookUrl: 'https://example.org/runbooks/Session-Storm.md#x',
  file: 'alerts.yaml',
};
const context: LintContext = { now: Date.UTC(2026, 3, 1), alerts: null };

const lint = (source: string, more: Partial<LintContext> = {}) =>
  lintRunbook(parseRunbook(source, 'session-storm.md'), { ...context, ...more });
const found = (rule: string, source: string, more: Partial<LintContext> = {}) =>
  lint(source, more)
    .filter((diagnostic) => diagnostic.rule === rule)
    .map(({ line, severity }) => `${severity}:${line}`);

describe.each(rules.map((rule) => [rule.name, rule] as const))('%s', (name, rule) => {
  const examples = [
    ...ruleDocblock(name).matchAll(/^(Good|Bad)(?:, line (\d+))?[^\n]*:\n\n````markdown\n(.*?)^````$/gms),
  ];

  it('has an example of each kind', () => {
    expect(new Set(examples.map(([, kind]) => kind))).toEqual(new Set(['Good', 'Bad']));
  });

  it.each(examples.map(([, kind, line, source]) => [kind!, Number(line), source!] as const))(
    '%s example, line %d',
    (kind, line, source) => {
      const runbook = parseRunbook(source, 'example.md');
      const lines = [...rule.check(runbook, { ...context, alerts: [storm] })].map((finding) => finding.line);
      expect(lines).toEqual(kind === 'Good' ? [] : [line]);
    },
  );
});

it('every file of the folder that exports a rule is in the list, and in the documentation', () => {
  const folder = import.meta.dirname;
  const files = readdirSync(folder).filter(
    (file) => /: Rule = \{/.test(readFileSync(join(folder, file), 'utf8')) && !file.endsWith('.test.ts'),
  );
  expect(rules.map(({ name }) => `${name}.ts`).toSorted()).toEqual(files.toSorted());
  const written = readFileSync(join(folder, '..', '..', '..', 'docs', 'rules.md'), 'utf8');
  expect(written, 'run `node scripts/write-rules-doc.ts`').toBe(rulesDocument());
});

it('the reference runbook has no errors', () => {
  const reference = referenceRunbook();
  if (reference === null) return;
  expect(lint(reference.source).filter(({ severity }) => severity === 'error')).toEqual([]);
});

it('every diagnostic says what was expected, and where the rule is explained', () => {
  const written = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'rules.md'), 'utf8');
  const source =
    '---\na: [\n---\n## Diagnosis\n```sh {"normal":5,"a":[1]}\n{{ $labels.x }}\n```\n```\nx\n```\n## Fix\n```sh {"undo":"x"}\nx\n';
  const diagnostics = lint(source);
  expect(new Set(diagnostics.map(({ rule }) => rule)).size).toBeGreaterThan(8);
  for (const { expected, url, rule } of diagnostics) {
    expect(expected, rule).not.toBe('');
    expect(url).toBe(`docs/rules.md#${rule}`);
    expect(written).toContain(`\n## ${rule}\n`);
  }
});

const interpolation = (line: string, tag = 'bash') =>
  found('label-interpolation', `## Fix\n\`\`\`${tag}\n${line}\n\`\`\``);

const tagFor = (code: string) =>
  lint(`## Diagnosis\n\`\`\`\n${code}\n\`\`\``).find(({ rule }) => rule === 'untagged-fence')?.expected;

const withConfirm = (confirm: string) =>
  `---\nconfirm: '${confirm}'\n---\n## Diagnosis\n\`\`\`sh {"name":"a-b","normal":"value < 1"}\nx\n\`\`\`\n`;

describe('what the examples leave out', () => {
  it('a file without any section is only mentioned', () => {
    expect(found('four-sections', '# Index\n')).toEqual(['info:1']);
    expect(lint('# Index\n')).toHaveLength(1);
  });

  it('a label is checked for templates, placeholders, quotes and other shells', () => {
    for (const line of [
      'x ${{ inputs.y }}',
      'x {{ .Labels.pod }}',
      'x {{ pod }}',
      'x $LABEL_POD',
      'x "a"$LABEL_POD',
      'eval "x $LABEL_POD"',
      'ssh host "x ${LABEL_POD}"',
      'bash -c "x $LABEL_POD"',
    ]) {
      expect(interpolation(line), line).toEqual(['error:3']);
    }
    for (const line of ['x <namespace>', "x '<value of the label>'", 'x %s'])
      expect(interpolation(line), line).toEqual(['warning:3']);
    for (const line of [
      'x "$LABEL_POD"',
      'POD=$LABEL_POD',
      "x '$LABEL_POD'",
      'x $PARAM_REGION',
      'sort <in >out',
      "printf '%s' y",
      'date +%s',
      "x --template='{{end}}'",
      '# x $LABEL_POD\ny "z"',
    ]) {
      expect(interpolation(line), line).toEqual([]);
    }
    expect(interpolation('up{instance="$instance"}', 'promql')).toEqual(['warning:3']);
  });

  it('lines are right in transcripts too', () => {
    expect(found('label-interpolation', '## Fix\n```console\n$ a\nout\n$ b $LABEL_X\n```')).toEqual([
      'error:5',
    ]);
  });

  it('an alert must link back', () => {
    const source = '---\nalerts: [McpSessionStorm]\n---\n## Symptom\n';
    const withUrl = (runbookUrl: string | null) =>
      found('alert-exists', source, { alerts: [{ ...storm, runbookUrl }] });
    expect(withUrl('https://example.org/wiki/session-storm/')).toEqual([]);
    expect(withUrl('https://example.org/wiki/other')).toEqual(['error:2']);
    expect(withUrl(null)).toEqual(['error:2']);
    expect(found('alert-linked', '## Symptom\n', { alerts: [storm] })).toEqual([]);
  });

  it('reviews and history may not lie in the future', () => {
    expect(found('review-overdue', '---\nreviewed: 2027-01-01\n---\n## Symptom\n')).toEqual(['warning:2']);
    expect(found('review-overdue', '## Symptom\n')).toEqual(['info:1']);
    expect(found('history-order', '## History\n- 2027-01-01: x\n')).toEqual(['warning:2']);
    expect(found('history-order', '## History\n- 2026-01-01: x\n- 2026-02-01: x\n- 2026-02-01: x\n')).toEqual(
      [],
    );
    expect(found('history-order', '## History\n- once\n')).toEqual(['info:2']);
  });

  it('front matter keys are questioned when they nearly match', () => {
    expect(found('unknown-attribute', '---\nteam: x\nreview_every: 30d\n---\n')).toEqual(['warning:3']);
    expect(found('unknown-attribute', '## Fix\n```sh {"interactive":"false","risk":"safe"}\nx\n```')).toEqual(
      [],
    );
  });

  it('an untagged fence gets the tag that fits', () => {
    expect(tagFor('# c\ncurl http://x')).toBe('bash');
    expect(tagFor('$ kubectl get pods')).toBe('console');
    expect(tagFor('sum(rate(x_total[5m]))')).toBe('promql');
    expect(tagFor('mcp_active_sessions{job="x"} > 3')).toBe('promql');
    expect(tagFor('level=error msg="x"')).toBe('text');
  });

  it('confirm may use calls, members, strings and constants', () => {
    expect(found('confirm-names', withConfirm('a_b && size("c") > 0 && true'))).toEqual([]);
    expect(found('confirm-names', withConfirm('a_b && (c || d)'))).toEqual(['error:2', 'error:2']);
  });

  it('a broken file does not flood the report', () => {
    expect(found('check-has-condition', `## Diagnosis\n${'```sh\nx\n```\n'.repeat(500)}`)).toHaveLength(100);
  });
});
