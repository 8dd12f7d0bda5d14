import type { Rule } from './rule.ts';

/**
 * Verify needs a check that can decide by itself. Where it holds only prose, or only questions to the
 * operator, nobody can know whether the fix worked but by believing it.
 *
 * Good:
 *
 * ````markdown
 * ## Verify
 * ```promql {"normal":"value < 10","within":"5m"}
 * sum(mcp_initialize_queue_depth)
 * ```
 * ````
 *
 * Bad, line 1:
 *
 * ````markdown
 * ## Verify
 * ```bash
 * # CPU should drop below 60%
 * curl -s http://mcp-server:9090/metrics | grep mcp_initialize_duration
 * ```
 * ````
 */
export const verifyReachable: Rule = {
  name: 'verify-reachable',
  severity: 'warning',
  *check({ sections, checks }) {
    const verify = sections.find(({ name }) => name === 'verify');
    const decides = checks.some(
      ({ section, normal, abnormal }) => section === 'verify' && (normal ?? abnormal) !== null,
    );
    if (!verify || decides) return;
    const questions = checks.filter(({ section }) => section === 'verify').length;
    const why = questions === 0 ? 'has no check' : 'has no check that can decide by itself';
    yield {
      line: verify.line,
      message: `${verify.heading} ${why}; add a query or command with {"normal":"…"}`,
      expected: 'a check with a condition',
    };
  },
};
