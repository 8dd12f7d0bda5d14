import { printable } from '../kernel/index.ts';
import type { DiagnosticSeverity, LintDiagnostic } from '../runbook/index.ts';
import type { Io } from './io.ts';
import { painter } from './paint.ts';

/** What lint found in one file. */
export interface FileReport {
  readonly file: string;
  readonly diagnostics: readonly LintDiagnostic[];
}

const COLOURS = { error: 'red', warning: 'yellow', info: 'blue' } as const;

/** The report for people: grouped by file, worst news in the summary. */
export function prettyReport(reports: readonly FileReport[], io: Io): string {
  const { columns } = io;
  const paint = painter(io);
  const lines: string[] = [];
  for (const { file, diagnostics } of reports) {
    if (diagnostics.length === 0) continue;
    lines.push(paint('underline', printable(file)));
    const widest = Math.max(...diagnostics.map(({ line }) => String(line).length));
    for (const { line, severity, rule, message } of diagnostics) {
      const place = String(line).padStart(widest + 2);
      const label = severity.padEnd(7);
      const indent = ' '.repeat(place.length + 11);
      const text = wrap(`${printable(message)} (${rule})`, Math.max(40, columns - indent.length)).join(
        `\n${indent}`,
      );
      lines.push(`${paint('dim', place)}  ${paint(COLOURS[severity], label)}  ${text}`);
    }
    lines.push('');
  }
  const clean = reports.every(({ diagnostics }) => diagnostics.length === 0);
  lines.push(paint(clean ? 'green' : 'bold', summary(reports)));
  return `${lines.join('\n')}\n`;
}

function summary(reports: readonly FileReport[]): string {
  const all = reports.flatMap(({ diagnostics }) => diagnostics);
  const files = count(reports.length, 'runbook');
  if (all.length === 0) return `${files}, nothing to say`;
  const of = (severity: DiagnosticSeverity) => all.filter((each) => each.severity === severity).length;
  return `${files}: ${count(of('error'), 'error')}, ${count(of('warning'), 'warning')}, ${of('info')} info (docs/rules.md explains each rule)`;
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)!;
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
