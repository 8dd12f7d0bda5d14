import type { Rule } from './rule.ts';

/**
 * The risk decides who may run a step: `safe` may run by itself, `reversible` needs one approver,
 * `disruptive` needs two people. An unstated risk counts as reversible, which may be wrong both ways.
 *
 * Good:
 *
 * ````markdown
 * ## Remediation
 * 1. **Restart it**
 *
 *    ```bash {"risk":"disruptive"}
 *    systemctl restart mcp-server
 *    ```
 * 2. **Tell the users**: by hand
 * ````
 *
 * Bad, line 5:
 *
 * ````markdown
 * ## Remediation
 * 1. **Restart it**
 *
 *    ```bash
 *    systemctl restart mcp-server
 *    ```
 * ````
 */
export const stepHasRisk: Rule = {
  name: 'step-has-risk',
  severity: 'warning',
  *check({ steps }) {
    for (const { title, manual, riskStated, blocks, line } of steps) {
      if (manual || riskStated) continue;
      yield {
        line: blocks[0]?.line ?? line,
        message: `the risk of "${title}" is not stated; add {"risk":"safe"}, "reversible" or "disruptive"`,
        expected: 'risk: safe, reversible or disruptive',
      };
    }
  },
};
