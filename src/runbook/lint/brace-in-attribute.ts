import { hasBraceInValue } from '../attributes.ts';
import type { Rule } from './rule.ts';

/**
 * Attributes end at the first `}`: Runme reads them so, and this tool with it. A brace inside a value
 * cuts them off, and the fence loses all of them. Write the condition without braces.
 *
 * Good:
 *
 * ````markdown
 * ## Diagnosis
 * ```promql {"normal":"value < 10"}
 * up{job="mcp"}
 * ```
 * ````
 *
 * Bad, line 2:
 *
 * ````markdown
 * ## Diagnosis
 * ```promql {"normal":"series['up{job=x}'] < 10"}
 * up{job="mcp"}
 * ```
 * ````
 */
export const braceInAttribute: Rule = {
  name: 'brace-in-attribute',
  severity: 'error',
  *check({ sections }) {
    for (const { fences } of sections) {
      for (const { info, language, line } of fences) {
        if (language === null || !hasBraceInValue(info)) continue;
        const message = 'an attribute holds a "}", where Runme stops reading; write the value without braces';
        yield { line, message, expected: 'values without "}"' };
      }
    }
  },
};
