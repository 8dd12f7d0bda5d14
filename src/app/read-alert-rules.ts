/** The alerts of Prometheus rule files, as far as linting runbooks needs them: names and links. */
import { AllclearError } from '../kernel/index.ts';
import type { AlertRule } from '../runbook/index.ts';
import { readTextFile } from './read-runbooks.ts';

/**
 * Reads the alerting rules of rule files (`groups[].rules[].alert`, also under a PrometheusRule's `spec`).
 * Errors: those of `readTextFile`; `E_BAD_VALUE` for YAML that is broken or no rule file
 */
export async function readAlertRules(files: readonly string[], cwd: string): Promise<AlertRule[]> {
  const rules: AlertRule[] = [];
  for (const file of files) rules.push(...alertsIn(await parseYaml(file, cwd), file));
  return rules;
}

async function parseYaml(file: string, cwd: string): Promise<unknown> {
  const text = await readTextFile(file, cwd);
  const { LineCounter, parseDocument } = await import('yaml');
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'silent' });
  const [problem] = document.errors;
  try {
    if (problem === undefined) return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw badRules(file, 'the YAML cannot be resolved', 1, cause);
  }
  throw badRules(
    file,
    `the YAML is broken: ${problem.message.split('\n')[0]!}`,
    lineCounter.linePos(problem.pos[0]).line,
    problem,
  );
}

function badRules(file: string, what: string, line: number, cause?: unknown): AllclearError {
  return new AllclearError('E_BAD_VALUE', {
    what,
    next: 'Check it with `promtool check rules`.',
    file,
    line,
    cause,
  });
}

function alertsIn(document: unknown, file: string): AlertRule[] {
  const groups = field(document, 'groups') ?? field(field(document, 'spec'), 'groups');
  if (!Array.isArray(groups)) throw badRules(file, 'this is no Prometheus rule file: it has no "groups"', 1);
  return (groups as unknown[]).flatMap((group) => {
    const rules = field(group, 'rules');
    return Array.isArray(rules) ? (rules as unknown[]).flatMap((rule) => toAlert(rule, file)) : [];
  });
}

function toAlert(rule: unknown, file: string): AlertRule[] {
  const name = field(rule, 'alert');
  if (typeof name !== 'string') return [];
  const annotations = field(rule, 'annotations');
  const url = field(annotations, 'runbook_url') ?? field(annotations, 'runbook');
  return [{ name, runbookUrl: typeof url === 'string' && url !== '' ? url : null, file }];
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}
