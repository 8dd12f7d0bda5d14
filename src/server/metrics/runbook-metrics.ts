/** What shows that a runbook no longer works, or has not been looked at for long. */
import { Gauge, type Registry } from 'prom-client';
import type { StoreFigures } from '../../store/index.ts';
import type { RunbookShelf } from '../shelf.ts';

/** Runbooks with series of their own, in the order of their ids. */
const MAX_SERIES = 500;

/** @returns sets the metrics to what is now */
export function runbookMetrics(
  registry: Registry,
  shelf: RunbookShelf,
): (figures: StoreFigures, now: number) => void {
  const gauge = <Name extends string>(name: string, help: string, labelNames: Name[]) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const broken = gauge(
    'allclear_checks_broken',
    'Checks that could not run in the last diagnosis of the runbook',
    ['runbook'],
  );
  const reviewAge = gauge(
    'allclear_runbook_review_age_seconds',
    'Time since the day of the last review; none for those never reviewed',
    ['runbook'],
  );
  const overdue = gauge(
    'allclear_runbook_review_overdue',
    '1 when the review is due, or there never was one',
    ['runbook'],
  );
  const count = gauge('allclear_runbooks', 'Runbooks in the library', []);
  const problems = gauge(
    'allclear_library_problems',
    'Files of the library that cannot be used as they are',
    [],
  );

  return (figures, now) => {
    for (const one of [broken, reviewAge, overdue]) one.reset();
    count.set(shelf.all().length);
    problems.set(shelf.problems().length);
    for (const { runbook } of shelf.all().slice(0, MAX_SERIES)) {
      const label = { runbook: runbook.id };
      const { reviewed, reviewEvery } = runbook.frontMatter;
      const at = reviewed === null ? Number.NaN : Date.parse(reviewed);
      const seconds = Math.max(0, (now - at) / 1000);
      broken.set(label, figures.broken.get(runbook.id) ?? 0);
      if (!Number.isNaN(seconds)) reviewAge.set(label, seconds);
      overdue.set(label, seconds <= reviewEvery ? 0 : 1);
    }
  };
}
