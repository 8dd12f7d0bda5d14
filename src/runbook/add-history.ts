/** Writing what happened back into the runbook, touching nothing else. */
import { type Block, readBlocks } from './blocks.ts';
import { applyEdits, lineStarts } from './edits.ts';
import { findFrontMatter } from './front-matter-text.ts';
import { readHistory } from './history.ts';
import type { HistoryEntry } from './model.ts';
import { readSections, type SectionBlocks } from './sections.ts';
import { lineEnding, splitLines } from './text-lines.ts';

/**
 * Adds an entry to the History section: at the end where the dates ascend, else at the top. A missing
 * section is made at the end of the file, closing first what the text left open (a fence, a comment).
 * Only inserts; line ends follow the file.
 * @param entry date: ISO day; text: Markdown, further lines are indented under the entry
 */
export function addHistoryEntry(
  source: string,
  entry: { readonly date: string; readonly text: string },
): string {
  const eol = lineEnding(source);
  const { blocks, lastLine } = bodyOf(source);
  const { sections } = readSections(blocks, lastLine);
  const history = sections.find(({ section }) => section.name === 'history');
  if (history === undefined) return appendSection(source, blocks, itemText(entry, '-', eol), eol);
  const list = history.blocks.find((block) => block.type === 'bullets');
  const starts = lineStarts(source);
  const startOf = (line: number) => starts[line - 1] ?? source.length;
  if (list?.type !== 'bullets')
    return insertUnderHeading(source, history, blocks, itemText(entry, '-', eol), eol, starts);
  const firstLine = source.slice(startOf(list.line)).split(/\r\n?|\n/, 1)[0]!;
  const [, indent = '', marker = '-'] = /^( {0,3})([-*+])/.exec(firstLine) ?? [];
  const text = itemText(entry, `${indent}${marker}`, eol);
  if (!isAscending(readHistory([history]))) return insertAt(source, startOf(list.line), text);
  const after = startOf(lastContentLine(source, starts, list) + 1);
  const glue = after === source.length && !/[\r\n]$/.test(source) ? eol : '';
  return insertAt(source, after, glue + text);
}

function bodyOf(source: string): { blocks: Block[]; lastLine: number } {
  const span = findFrontMatter(source);
  const body = source.slice(span?.bodyStart ?? (source.startsWith('\uFEFF') ? 1 : 0));
  const firstLine = span?.bodyLine ?? 1;
  return { blocks: readBlocks(body, firstLine), lastLine: firstLine + splitLines(body).length - 1 };
}

function insertAt(source: string, at: number, text: string): string {
  // Behind a lone carriage return, a line feed would end no line of its own.
  const glue = source[at - 1] === '\r' && text.startsWith('\n') ? '\n' : '';
  return applyEdits(source, [{ start: at, end: at, text: glue + text }]);
}

/** `- DATE: text`, its further lines indented so that they stay inside the item. */
function itemText({ date, text }: { date: string; text: string }, marker: string, eol: string): string {
  const lines = splitLines(text)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const indent = ' '.repeat(marker.length + 1);
  const [first = '', ...rest] = lines;
  return [`${marker} ${date}: ${first}`.trimEnd(), ...rest.map((line) => indent + line)].join(eol) + eol;
}

function isAscending(entries: readonly HistoryEntry[]): boolean {
  const dates = entries.map(({ date }) => date).filter((date) => date !== null);
  return dates.length > 1 && dates[0]! < dates.at(-1)!;
}

/** A list's map takes in the blank lines after it: they stay after the entry. */
function lastContentLine(
  source: string,
  starts: readonly number[],
  { line, endLine }: { line: number; endLine: number },
): number {
  let last = endLine;
  while (last > line && source.slice(starts[last - 1], starts[last] ?? source.length).trim() === '')
    last -= 1;
  return last;
}

/** A section without a list: the entry stands right under its heading. */
function insertUnderHeading(
  source: string,
  { section }: SectionBlocks,
  blocks: readonly Block[],
  item: string,
  eol: string,
  starts: readonly number[],
): string {
  const heading = blocks.find((block) => block.type === 'heading' && block.line === section.line);
  const after = starts[heading?.endLine ?? section.line] ?? source.length;
  const atEnd = after === source.length && !/[\r\n]$/.test(source);
  // The blank line after keeps a paragraph that follows out of the new item.
  return insertAt(source, after, (atEnd ? eol : '') + eol + item + (after < source.length ? eol : ''));
}

function appendSection(source: string, blocks: readonly Block[], item: string, eol: string): string {
  const last = blocks.at(-1);
  const body = source === '' || /[\r\n]$/.test(source) ? '' : eol;
  const closing = closerOf(last, source, eol);
  const blank =
    source === '' || (closing === '' && /(?:\r\n|\r(?!\n)|\n)[ \t]*(?:\r\n|\r|\n)$/.test(source)) ? '' : eol;
  return insertAt(source, source.length, `${body}${closing}${blank}## History${eol}${eol}${item}`);
}

/** What ends an unclosed fence or HTML block at the end of the file, so that the section is no part of it. */
function closerOf(last: Block | undefined, source: string, eol: string): string {
  if (last?.type === 'fence' && !last.closed) return `${last.marker}${eol}`;
  if (last?.type !== 'other' || last.html === null) return '';
  const html = last.html.trimStart().toLowerCase();
  const ends: readonly (readonly [start: RegExp, end: string])[] = [
    [/^<(script|pre|style|textarea)/, ''],
    [/^<!--/, '-->'],
    [/^<\?/, '?>'],
    [/^<!\[cdata\[/, ']]>'],
    [/^<![a-z]/, '>'],
  ];
  const kind = ends.find(([start]) => start.test(html));
  if (!kind) return '';
  const end = kind[1] === '' ? `</${kind[0].exec(html)![1]}>` : kind[1];
  return source.trimEnd().toLowerCase().endsWith(end) ? '' : `${end}${eol}`;
}
