import type { Rule } from './rule.ts';

/**
 * A check that does not say what is normal can only be read by someone who knows already, and it
 * never decides. State it as an attribute, or in the comment in words that the inference understands.
 *
 * Good:
 *
 * ````markdown
 * ## Diagnosis
 * ```promql {"name":"waiting","normal":"value < 10"}
 * sum(mcp_initialize_queue_depth)
 * ```
 * ```bash
 * # Initialization rate (should be < 100/sec)
 * curl -s http://mcp-server:9090/metrics | grep mcp_initialize_total
 * ```
 * ````
 *
 * Bad, line 3:
 *
 * ````markdown
 * ## Diagnosis
 * ```promql
 * sum(mcp_initialize_queue_depth)
 * ```
 * ````
 */
export const checkHasCondition: Rule = {
  name: 'check-has-condition',
  severity: 'warning',
  *check({ checks }) {
    for (const { name, line, normal, abnormal, question } of checks) {
      if (normal !== null || abnormal !== null || question !== null) continue;
      yield {
        line,
        message: `nothing says what is normal for "${name}"; add {"normal":"value < 10"} or a comment such as "should be < 10"`,
        expected: 'a normal condition',
      };
    }
  },
};
