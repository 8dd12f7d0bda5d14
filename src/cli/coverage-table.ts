/** How coverage is shown to people, in 80 columns. */
import { type Coverage, hasGaps } from '../intake/index.ts';
import { oneLine } from '../kernel/index.ts';
import type { Io } from './io.ts';
import { painter } from './paint.ts';

const COLUMNS = 80;
const NAME = 34;

type Row = readonly [name: string, about: string];

export function coverageTable(coverage: Coverage, io: Io): string {
  const { alerts, runbooks, covered, noRunbook, deadLinks, elsewhere, noAlert } = coverage;
  const paint = painter(io);
  const head = `${covered} of ${count(alerts, 'alert')} lead to a runbook of the library, which has ${count(runbooks, 'runbook')}.`;
  const parts = [
    part(
      'Alerts with no runbook',
      noRunbook.map(({ alert, file }) => [alert, file]),
    ),
    part(
      'Dead links',
      deadLinks.flatMap(({ alert, link, why, runbook }) => [
        [alert, `${why}${runbook === null ? '' : `; ${runbook} names the alert`}`],
        ['', link],
      ]),
    ),
    part(
      'Runbooks with no alert',
      noAlert.map(({ runbook, file }) => [runbook, file]),
    ),
    part(
      'Links to pages outside the library',
      elsewhere.map(({ alert, link }) => [alert, link]),
    ),
  ];
  const end = hasGaps(coverage) ? paint('red', 'There are gaps.') : paint('green', 'No gaps.');
  return `${[paint('bold', head), ...parts.filter((text) => text !== ''), end].join('\n\n')}\n`;

  function part(title: string, rows: readonly Row[]): string {
    if (rows.length === 0) return '';
    return [paint('bold', title), ...rows.map(line)].join('\n');
  }
}

function line([name, about]: Row): string {
  const start = `  ${oneLine(name, NAME).padEnd(NAME)}  `;
  return `${start}${oneLine(about, COLUMNS - start.length)}`;
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
