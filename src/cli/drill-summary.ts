/** What a drill says at its end. */
import { relative } from 'node:path';
import { formatDuration, oneLine } from '../kernel/index.ts';
import type { DrillResult, UntreatedResult } from '../lab/index.ts';
import type { Io } from './io.ts';
import { painter } from './paint.ts';

/** The summary: for people on stderr's terminal as well as in a log, or the contract as JSON on stdout. */
export function printDrill(result: DrillResult, io: Io, json: boolean): void {
  if (json) {
    io.out(`${JSON.stringify(result)}\n`);
    return;
  }
  const { seconds, clients } = result;
  const paint = painter(io);
  const proven = result.shortcomings.length === 0;
  const lines = [
    '',
    proven
      ? paint(
          'green',
          `All clear ${since(seconds.toVerified)} after the failure. The runbook ${result.runbook} works.`,
        )
      : paint('red', `The runbook ${result.runbook} is not proven:`),
    ...result.shortcomings.map((shortcoming) => `  - ${shortcoming}`),
    '',
    row(
      'alert',
      since(seconds.toAlert),
      result.alert ? `${result.alert.name} → ${result.alert.runbook_url}` : 'none fired',
    ),
    row('verdict', since(seconds.toVerdict), result.diagnosis?.verdict ?? 'none'),
    row(
      'fixed',
      since(seconds.toFix),
      result.steps
        .map(({ title, outcome }) => (outcome === 'done' ? title : `${title} (${outcome})`))
        .join(', ') || 'nothing was done',
    ),
    row('verified', since(seconds.toVerified), result.verified ? 'every Verify check held' : 'not verified'),
    ...result.others.map(({ runbook, verdict }) => row('not', '', `${runbook}: ${verdict}`)),
    row(
      'clients',
      '',
      `${clients.lost} ${result.words.losses} lost, ${clients.recovered} of ${clients.total} clients back`,
    ),
    '',
    ...beforeAfterTable(result, io),
    ...chart(`clients with ${result.words.having}, from the failure on`, result.connected, clients.total),
    '',
    ...where(result, io),
  ];
  io.out(`${lines.join('\n')}\n`);
}

export function printUntreated(result: UntreatedResult, io: Io, json: boolean): void {
  if (json) {
    io.out(`${JSON.stringify(result)}\n`);
    return;
  }
  const { clients, work, words, seconds } = result;
  const paint = painter(io);
  const share = work.done === 0 ? 0 : Math.round((100 * work.useful) / work.done);
  const lines = [
    '',
    result.recovers
      ? paint('yellow', `It recovered by itself after ${formatDuration(seconds.observed)}.`)
      : paint(
          'red',
          `It does not recover: ${clients.recovered} of ${clients.total} clients are back after ${formatDuration(seconds.observed)}.`,
        ),
    `${work.done} ${work.what} were worked through; ${work.useful} (${share}%) became ${work.became}.`,
    '',
    ...chart(`clients with ${words.having}, from the failure on`, result.connected, clients.total),
    '',
    `With the guard and the runbook: allclear drill ${result.runbook}`,
  ];
  io.out(`${lines.join('\n')}\n`);
}

function since(seconds: number | null): string {
  return seconds === null ? '-' : formatDuration(seconds);
}

function row(label: string, time: string, text: string): string {
  return `  ${label.padEnd(10)}${time.padEnd(12)}${oneLine(text, 55)}`;
}

function beforeAfterTable(result: DrillResult, io: Io): string[] {
  if (result.diagnosis === null) return [];
  const head = tableLine('check', ['healthy', 'failing', 'after']);
  return [
    painter(io)('bold', head),
    ...result.beforeAfter.map(({ check, healthy, failing, after }) =>
      tableLine(check, [healthy, failing, after]),
    ),
    '',
  ];
}

function tableLine(check: string, cells: readonly string[]): string {
  const columns = cells.map((cell) => oneLine(cell, 17).padEnd(18));
  return `  ${oneLine(check, 20).padEnd(21)}${columns.join('')}`.trimEnd();
}

const LEVELS = '▁▂▃▄▅▆▇█';
const CHART_WIDTH = 60;

/** One character a second (or more, to fit the width), as high as the share of the fleet that is connected. */
function chart(title: string, series: readonly number[], total: number): string[] {
  if (series.length === 0) return [];
  const secondsPerColumn = Math.ceil(series.length / CHART_WIDTH);
  const columns = series.filter((_, second) => second % secondsPerColumn === 0);
  const cells = columns.map(
    (value) => LEVELS[Math.min(7, Math.floor((value / Math.max(1, total)) * 7.999))] ?? ' ',
  );
  return [
    `  ${title}`,
    `  ${cells.join('')}`,
    `  0 s${`${series.length - 1} s`.padStart(Math.max(5, cells.length - 3))}`,
  ];
}

function where(result: DrillResult, io: Io): string[] {
  const near = (file: string) => relative(io.cwd, file) || file;
  const lines = [`  record    ${near(result.record)}`];
  if (result.incident)
    lines.unshift(`  incident  ${result.incident}   (allclear incidents show ${result.incident})`);
  if (result.update) lines.push(`  proposed  ${near(result.update)}`);
  return lines;
}
