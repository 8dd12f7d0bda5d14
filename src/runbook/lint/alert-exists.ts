import { frontMatterLine, type Rule } from './rule.ts';
import { pointsTo } from './runbook-url.ts';

/**
 * With `--rules`, every alert that the runbook names must exist in the rule files, and its
 * `runbook_url` must lead back here. A link that leads nowhere is found at the worst moment.
 *
 * Good, with the rule McpSessionStorm that links to session-storm.md:
 *
 * ````markdown
 * ---
 * id: session-storm
 * alerts: [McpSessionStorm]
 * ---
 * ````
 *
 * Bad, line 3:
 *
 * ````markdown
 * ---
 * id: session-storm
 * alerts: [McpSesionStorm]
 * ---
 * ````
 */
export const alertExists: Rule = {
  name: 'alert-exists',
  severity: 'error',
  *check(runbook, { alerts }) {
    if (alerts === null) return;
    const line = frontMatterLine(runbook, 'alerts');
    for (const name of runbook.frontMatter.alerts) {
      const rules = alerts.filter((rule) => rule.name === name);
      if (rules.length === 0) {
        yield {
          line,
          message: `the alert ${name} is in none of the rule files`,
          expected: 'the name of an alerting rule',
        };
        continue;
      }
      for (const { runbookUrl, file } of rules) {
        if (runbookUrl !== null && pointsTo(runbookUrl, runbook)) continue;
        const where = runbookUrl === null ? 'has no runbook_url' : `links to ${runbookUrl}`;
        yield {
          line,
          message: `the alert ${name} in ${file} ${where}, not to this runbook`,
          expected: `a runbook_url that ends in ${runbook.id}`,
        };
      }
    }
  },
};
