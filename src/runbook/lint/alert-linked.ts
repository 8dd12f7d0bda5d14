import { isRunbook, type Rule } from './rule.ts';
import { pointsTo } from './runbook-url.ts';

/**
 * A runbook that no alert leads to is found only by those who remember it. Name the alerts in the
 * front matter; with `--rules`, a rule whose `runbook_url` points here counts as well.
 *
 * Good:
 *
 * ````markdown
 * ---
 * alerts: [McpSessionStorm]
 * ---
 * ## Symptom
 * ````
 *
 * Bad, line 1:
 *
 * ````markdown
 * # Session storm
 * ## Symptom
 * ````
 */
export const alertLinked: Rule = {
  name: 'alert-linked',
  severity: 'warning',
  *check(runbook, { alerts }) {
    if (!isRunbook(runbook) || runbook.frontMatter.alerts.length > 0) return;
    if (alerts?.some(({ runbookUrl }) => runbookUrl !== null && pointsTo(runbookUrl, runbook))) return;
    yield {
      line: 1,
      message: 'no alert leads here; add "alerts: [AlertName]" to the front matter',
      expected: 'alerts in the front matter',
    };
  },
};
