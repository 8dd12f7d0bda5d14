import { closest } from '../../kernel/index.ts';
import { frontMatterLine, type Rule } from './rule.ts';

const KEYWORDS: ReadonlySet<string> = new Set(['true', 'false', 'null', 'in']);

/**
 * `confirm` states the signature of the failure over the names of the Diagnosis checks, dashes written
 * as underscores. A name that no check has can never be true.
 *
 * Good:
 *
 * ````markdown
 * ---
 * confirm: initialize_rate && waiting
 * ---
 * ## Diagnosis
 * ```promql {"name":"initialize-rate","normal":"value < 100"}
 * sum(rate(mcp_initialize_total[1m]))
 * ```
 * ```promql {"name":"waiting","normal":"value < 10"}
 * sum(mcp_initialize_queue_depth)
 * ```
 * ````
 *
 * Bad, line 2:
 *
 * ````markdown
 * ---
 * confirm: initialise_rate
 * ---
 * ## Diagnosis
 * ```promql {"name":"initialize-rate","normal":"value < 100"}
 * sum(rate(mcp_initialize_total[1m]))
 * ```
 * ````
 */
export const confirmNames: Rule = {
  name: 'confirm-names',
  severity: 'error',
  *check(runbook) {
    const { confirm } = runbook.frontMatter;
    if (confirm === null) return;
    const names = runbook.checks
      .filter(({ section }) => section === 'diagnosis')
      .map(({ name }) => name.replaceAll('-', '_'));
    for (const name of new Set(identifiers(confirm))) {
      if (names.includes(name)) continue;
      const like = closest(name, names);
      const hint = like ? `did you mean "${like}"?` : `there is ${names.join(', ') || 'no check'}`;
      yield {
        line: frontMatterLine(runbook, 'confirm'),
        message: `confirm names "${name}", which no Diagnosis check has; ${hint}`,
        expected: 'names of Diagnosis checks',
      };
    }
  },
};

/** The free names in a CEL expression: no keywords, members, calls or parts of strings. */
function identifiers(cel: string): string[] {
  const bare = cel.slice(0, 2000).replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""');
  return [...bare.matchAll(/(\.\s*)?\b([A-Za-z_]\w*)\b(?!\s*\()/g)]
    .filter(([, member, name]) => member === undefined && !KEYWORDS.has(name!))
    .map(([, , name]) => name!);
}
