/** Whether the library loads, and is looked after. */
import type { Clock } from '../../kernel/index.ts';
import { loadLinter, type Runbook } from '../../runbook/index.ts';
import { defaultRunbooks } from '../library.ts';
import { findRunbooks, readRunbook } from '../read-runbooks.ts';
import { broken, brokenBy, type Finding, ok, warning } from './finding.ts';

/** @param paths files and folders; none: where a server would look */
export async function runbooksFinding(paths: readonly string[], cwd: string, clock: Clock): Promise<Finding> {
  const name = 'runbooks';
  try {
    const found = await findRunbooks(paths.length > 0 ? paths : [await defaultRunbooks(cwd)], cwd);
    const runbooks: Runbook[] = [];
    for (const path of found) {
      const runbook = await readRunbook(path, cwd).catch(() => null);
      if (runbook) runbooks.push(runbook);
    }
    const bad = found.length - runbooks.filter((runbook) => !hasErrors(runbook)).length;
    const overdue = await overdueAmong(runbooks, clock);
    const shown = `${runbooks.length} load${bad === 0 ? '' : `, ${bad} with errors`}${overdue === 0 ? '' : `, ${overdue} overdue for review`}`;
    const fix = `allclear lint ${paths.length > 0 ? paths.join(' ') : 'FOLDER'}`;
    if (bad > 0) return broken(name, shown, fix);
    return overdue > 0 ? warning(name, shown, fix) : ok(name, shown);
  } catch (error) {
    return brokenBy(name, error, 'Name files or folders with --runbooks.');
  }
}

function hasErrors({ diagnostics }: Runbook): boolean {
  return diagnostics.some(({ severity }) => severity === 'error');
}

async function overdueAmong(runbooks: readonly Runbook[], clock: Clock): Promise<number> {
  const { lintRunbook } = await loadLinter();
  const context = { now: clock.now(), alerts: null };
  return runbooks.filter((runbook) =>
    lintRunbook(runbook, context).some(
      ({ rule, severity }) => rule === 'review-overdue' && severity === 'warning',
    ),
  ).length;
}
