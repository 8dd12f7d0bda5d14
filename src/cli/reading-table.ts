/** Readings and verdicts as people read them at a prompt. */
import { type Judgement, type Reading, type VerdictKind, withoutRepeat } from '../engine/index.ts';
import { oneLine, printable } from '../kernel/index.ts';
import type { Condition } from '../runbook/index.ts';
import type { Io } from './io.ts';
import { painter } from './paint.ts';

type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

const VERDICTS: Readonly<Record<VerdictKind, { readonly word: string; readonly colour: Colour }>> = {
  confirmed: { word: 'CONFIRMED', colour: 'red' },
  'ruled-out': { word: 'RULED OUT', colour: 'green' },
  inconclusive: { word: 'INCONCLUSIVE', colour: 'yellow' },
};

const JUDGEMENTS: Readonly<Record<Judgement, { readonly word: string; readonly colour: Colour }>> = {
  normal: { word: 'normal', colour: 'green' },
  abnormal: { word: 'abnormal', colour: 'red' },
  unknown: { word: 'unknown', colour: 'yellow' },
  error: { word: 'broken', colour: 'yellow' },
};

export function verdictWord(io: Io, verdict: VerdictKind): string {
  const { word, colour } = VERDICTS[verdict];
  return painter(io)(colour, word);
}

/** The judgement in one word: a check that only informs has none of its own. */
export function judgementWord({ judgement, informational }: Reading): { word: string; colour: Colour } {
  if (informational && judgement === 'unknown') return { word: 'informs', colour: 'dim' };
  return JUDGEMENTS[judgement];
}

const JUDGEMENT_WIDTH = 8;
const GAP = '  ';

/**
 * One line per reading, at most 80 columns: the check, its judgement, what was seen, what is normal; where
 * nothing could be judged, the reason stands below.
 */
export function readingTable(readings: readonly Reading[], io: Io): string[] {
  if (readings.length === 0) return [];
  const width = Math.min(io.columns, 80) - 2;
  const nameWidth = column(readings.map(nameOf), 5, 28);
  const seenWidth = column(readings.map(seenText), 4, 20);
  const rest = width - nameWidth - JUDGEMENT_WIDTH - seenWidth - 3 * GAP.length;
  const head = [cell('check', nameWidth), cell('', JUDGEMENT_WIDTH), cell('seen', seenWidth), 'normal'];
  return [
    painter(io)('dim', `  ${head.join(GAP)}`),
    ...readings.flatMap((reading) => {
      const { word, colour } = judgementWord(reading);
      const cells = [
        cell(nameOf(reading), nameWidth),
        painter(io)(colour, word.padEnd(JUDGEMENT_WIDTH)),
        cell(seenText(reading), seenWidth),
        painter(io)('dim', oneLine(conditionText(reading), Math.max(1, rest))),
      ];
      const reason = isOpen(reading) ? paragraph(reading.why, io, 4) : [];
      return [`  ${cells.join(GAP)}`.trimEnd(), ...reason.map((line) => painter(io)('dim', line))];
    }),
  ];
}

function cell(text: string, size: number): string {
  return oneLine(text, size).padEnd(size);
}

function nameOf({ check }: Reading): string {
  return check.replaceAll('-', ' ');
}

/** Nothing was decided, although something should have been; or the check is broken. */
function isOpen({ judgement, informational }: Reading): boolean {
  return judgement === 'error' || (judgement === 'unknown' && !informational);
}

function seenText(reading: Reading): string {
  if (reading.error) return '–';
  if (reading.question !== null && reading.judgement === 'unknown') return 'asks you';
  return withoutRepeat(reading.check, reading.shown);
}

function conditionText({ normal, abnormal }: Reading): string {
  const sides = [stated('', normal), stated('abnormal: ', abnormal)].filter((side) => side !== '');
  return sides.join(', ');
}

function stated(side: string, condition: Condition | null): string {
  return condition === null ? '' : `${side}${condition.cel}${condition.inferred ? ' (inferred)' : ''}`;
}

function column(texts: readonly string[], least: number, most: number): number {
  return Math.min(most, Math.max(least, ...texts.map((text) => text.length)));
}

/** Breaks a sentence into lines of at most 80 columns. */
export function paragraph(text: string, io: Io, indent = 2): string[] {
  const width = Math.min(io.columns, 80) - indent;
  const margin = ' '.repeat(indent);
  const lines: string[] = [];
  let line = '';
  for (const word of printable(text).split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(margin + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, margin + line];
}
