import type { Rule } from './rule.ts';

/**
 * The History section is the runbook's memory: what happened, what was done, what helped. Entries have
 * a date, and the dates run one way (newest first or last), so that the last real use is found at once.
 *
 * Good:
 *
 * ````markdown
 * ## History
 * - 2026-02-01: Paced at 50/s, verified in 4 min
 * - 2026-01-01: Written
 * ````
 *
 * Bad, line 3:
 *
 * ````markdown
 * ## History
 * - 2026-02-01: Paced at 50/s, verified in 4 min
 * - 2026-03-01: Scaled out
 * - 2026-01-01: Written
 * ````
 */
export const historyOrder: Rule = {
  name: 'history-order',
  severity: 'warning',
  *check({ history }, { now }) {
    const dated = history.filter((entry): entry is typeof entry & { date: string } => entry.date !== null);
    for (const { line, date, text } of history) {
      if (date === null)
        yield {
          line,
          severity: 'info',
          message: `this entry has no date: "${text.slice(0, 40)}"`,
          expected: 'an entry that starts with YYYY-MM-DD',
        };
      else if (Date.parse(date) > now + 86_400_000)
        yield { line, message: `the date ${date} is yet to come`, expected: 'a date in the past' };
    }
    const direction = Math.sign(compare(dated.at(-1)?.date ?? '', dated[0]?.date ?? ''));
    const wrong = dated.findIndex(
      ({ date }, index) => index > 0 && compare(date, dated[index - 1]!.date) * direction < 0,
    );
    const flat = direction === 0 && dated.some(({ date }) => date !== dated[0]!.date);
    if (wrong === -1 && !flat) return;
    const { line, date } = dated[wrong === -1 ? 1 : wrong]!;
    yield { line, message: `the entry of ${date} is out of order`, expected: 'dates that run one way' };
  },
};

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
