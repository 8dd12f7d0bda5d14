import { formatDuration } from '../../kernel/index.ts';
import { frontMatterLine, isRunbook, type Rule } from './rule.ts';

/**
 * Systems change under their runbooks. `reviewed` says when someone last read this one against the
 * system, `review-every` (default 90d) how long that is worth.
 *
 * Good:
 *
 * ````markdown
 * ---
 * reviewed: 2026-01-01
 * review-every: 1000d
 * ---
 * ## Symptom
 * ````
 *
 * Bad, line 2:
 *
 * ````markdown
 * ---
 * reviewed: 2020-01-01
 * ---
 * ## Symptom
 * ````
 */
export const reviewOverdue: Rule = {
  name: 'review-overdue',
  severity: 'warning',
  *check(runbook, { now }) {
    const { reviewed, reviewEvery, raw } = runbook.frontMatter;
    if (!isRunbook(runbook)) return;
    const line = frontMatterLine(runbook, 'reviewed');
    if (reviewed === null) {
      if (Object.hasOwn(raw, 'reviewed')) return;
      yield {
        line,
        severity: 'info',
        message: 'nothing says when it was last reviewed; add "reviewed: 2026-01-31"',
        expected: 'a date of review',
      };
      return;
    }
    const age = (now - Date.parse(`${reviewed}T00:00:00Z`)) / 1000;
    if (age < -86_400)
      yield {
        line,
        message: `it was reviewed on ${reviewed}, which is yet to come`,
        expected: 'a date in the past',
      };
    if (age > reviewEvery) {
      const message = `the review of ${reviewed} was due again after ${formatDuration(reviewEvery)}; read it against the system and set "reviewed"`;
      yield { line, message, expected: `a review within ${formatDuration(reviewEvery)}` };
    }
  },
};
