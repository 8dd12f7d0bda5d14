import type { SectionName } from '../model.ts';
import { isRunbook, type Rule } from './rule.ts';

const SECTIONS: readonly (readonly [name: SectionName, heading: string, question: string])[] = [
  ['symptom', 'Symptom', 'what is happening'],
  ['diagnosis', 'Diagnosis', 'how to confirm it'],
  ['remediation', 'Remediation', 'how to fix it'],
  ['verify', 'Verify', 'how to verify the fix'],
];

/**
 * A runbook answers four questions: what is happening, how to confirm it, how to fix it, and how to
 * verify the fix. Whoever is paged at night needs all four; the last is the one most often missing.
 * A file that answers none of them is taken for an index or a note, and only mentioned.
 *
 * Good:
 *
 * ````markdown
 * # Disk full
 * ## Symptom
 * ## Diagnosis
 * ## Mitigation
 * ## How do I verify the fix?
 * ````
 *
 * Bad, line 1:
 *
 * ````markdown
 * # Disk full
 * ## Symptom
 * ## Diagnosis
 * ## Mitigation
 * ````
 */
export const fourSections: Rule = {
  name: 'four-sections',
  severity: 'error',
  *check(runbook) {
    if (!isRunbook(runbook)) {
      const message = 'this file has none of the four sections; is it a runbook?';
      yield { line: 1, severity: 'info', message, expected: 'Symptom, Diagnosis, Remediation and Verify' };
      return;
    }
    for (const [name, heading, question] of SECTIONS) {
      if (runbook.sections.some((section) => section.name === name)) continue;
      yield {
        line: 1,
        message: `the section ${heading} is missing: it says ${question}`,
        expected: `a heading "## ${heading}"`,
      };
    }
  },
};
