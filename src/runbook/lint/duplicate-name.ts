import type { Rule } from './rule.ts';

/**
 * Names are how `undo`, `confirm` and people refer to a block. Where two blocks share one, the second
 * is renamed (`name-2`), and whoever names it gets the first.
 *
 * Good:
 *
 * ````markdown
 * ## Diagnosis
 * ```promql {"name":"waiting","normal":"value < 10"}
 * sum(mcp_initialize_queue_depth)
 * ```
 * ## Verify
 * ```promql {"name":"drained","normal":"value < 10"}
 * sum(mcp_initialize_queue_depth)
 * ```
 * ````
 *
 * Bad, line 6:
 *
 * ````markdown
 * ## Diagnosis
 * ```promql {"name":"waiting","normal":"value < 10"}
 * sum(mcp_initialize_queue_depth)
 * ```
 * ## Verify
 * ```promql {"name":"waiting","normal":"value < 10"}
 * sum(mcp_initialize_queue_depth)
 * ```
 * ````
 */
export const duplicateName: Rule = {
  name: 'duplicate-name',
  severity: 'error',
  *check({ sections }) {
    const first = new Map<string, number>();
    for (const { fences } of sections) {
      for (const { attributes, line } of fences) {
        const { name } = attributes;
        if (typeof name !== 'string' || name === '') continue;
        const earlier = first.get(name);
        if (earlier === undefined) first.set(name, line);
        else
          yield {
            line,
            message: `the name "${name}" is taken by the block in line ${earlier}`,
            expected: 'a name of its own',
          };
      }
    }
  },
};
