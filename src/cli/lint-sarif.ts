import { isAbsolute, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FileReport } from './lint-report.ts';

const LEVELS = { error: 'error', warning: 'warning', info: 'note' } as const;

/** What a rule's entry needs. */
interface RuleInfo {
  readonly name: string;
  readonly severity: keyof typeof LEVELS;
}

/**
 * The report in SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/), which code hosts show
 * beside the lines of a change. Paths are relative to the current folder, where they can be.
 */
export function sarifReport(reports: readonly FileReport[], rules: readonly RuleInfo[], cwd: string): string {
  const known = new Map<string, RuleInfo>(rules.map((rule) => [rule.name, rule]));
  for (const { diagnostics } of reports) {
    for (const { rule, severity } of diagnostics)
      if (!known.has(rule)) known.set(rule, { name: rule, severity });
  }
  const names = [...known.keys()];
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'allclear',
            rules: [...known.values()].map(({ name, severity }) => ({
              id: name,
              shortDescription: { text: name.replaceAll('-', ' ') },
              help: { text: `docs/rules.md#${name}` },
              defaultConfiguration: { level: LEVELS[severity] },
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: reports.flatMap(({ file, diagnostics }) =>
          diagnostics.map(({ rule, severity, line, message, expected }) => ({
            ruleId: rule,
            ruleIndex: names.indexOf(rule),
            level: LEVELS[severity],
            message: { text: message },
            locations: [
              {
                physicalLocation: {
                  artifactLocation: { uri: uriOf(file, cwd) },
                  region: { startLine: line },
                },
              },
            ],
            properties: { expected },
          })),
        ),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function uriOf(file: string, cwd: string): string {
  const path = relative(cwd, resolve(cwd, file));
  if (path.startsWith('..') || isAbsolute(path)) return pathToFileURL(resolve(cwd, file)).href;
  return path.split(/[\\/]/).map(encodeURIComponent).join('/');
}
