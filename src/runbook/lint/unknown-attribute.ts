import { closest } from '../../kernel/index.ts';
import { frontMatterLine, type Rule } from './rule.ts';

/** Ours, then those that Runme knows. */
const ATTRIBUTES = [
  'name',
  'normal',
  'abnormal',
  'within',
  'for',
  'timeout',
  'risk',
  'undo',
  'cwd',
  'interpreter',
  'interactive',
  'background',
  'id',
  'tag',
  'category',
  'mimeType',
  'promptEnv',
  'terminalRows',
  'closeTerminalOnSuccess',
  'openTerminalOnSuccess',
  'excludeFromRunAll',
  'ignore',
];
const KEYS = [
  'id',
  'severity',
  'alerts',
  'owner',
  'applies-to',
  'reviewed',
  'review-every',
  'confirm',
  'params',
];

/**
 * Attributes that nobody reads are usually misspelt, and then what they say is not done. Unknown ones
 * are kept when the file is rewritten. Front matter keys are only questioned when they nearly match.
 *
 * Good:
 *
 * ````markdown
 * ---
 * team: storage
 * ---
 * ## Diagnosis
 * ```promql {"normal":"value < 10"}
 * up
 * ```
 * ````
 *
 * Bad, line 2:
 *
 * ````markdown
 * ## Diagnosis
 * ```promql {"norml":"value < 10"}
 * up
 * ```
 * ````
 */
export const unknownAttribute: Rule = {
  name: 'unknown-attribute',
  severity: 'warning',
  *check(runbook) {
    for (const { fences } of runbook.sections) {
      for (const { attributes, language, line } of fences) {
        if (language === null) continue;
        for (const key of Object.keys(attributes)) {
          if (ATTRIBUTES.includes(key)) continue;
          const like = closest(key, ATTRIBUTES);
          yield {
            line,
            message: `"${key}" is not an attribute${like ? `; did you mean "${like}"?` : ''}`,
            expected: like ?? 'a known attribute',
          };
        }
      }
    }
    for (const key of Object.keys(runbook.frontMatter.raw)) {
      const like = KEYS.includes(key) ? null : closest(key, KEYS);
      if (like === null) continue;
      yield {
        line: frontMatterLine(runbook, key),
        message: `"${key}" is not a front matter key; did you mean "${like}"?`,
        expected: like,
      };
    }
  },
};
