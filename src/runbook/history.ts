/** The History section: date-stamped list items, headings or paragraphs. */
import { type Block, walkBlocks } from './blocks.ts';
import type { HistoryEntry } from './model.ts';
import type { SectionBlocks } from './sections.ts';
import { plainText } from './text-lines.ts';

const DATE = /^[[(]?(\d{4}-\d{2}-\d{2})(?:T[\d:.]{1,15}Z?)?[\])]?\s*[:.,–—-]*\s*/;

/** Reads the entries in the order of the file. */
export function readHistory(sections: readonly SectionBlocks[]): HistoryEntry[] {
  return sections
    .filter(({ section }) => section.name === 'history')
    .flatMap(({ blocks }) => entriesOf(blocks));
}

function entriesOf(blocks: readonly Block[]): HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  for (const block of blocks) {
    if (block.type === 'bullets' || block.type === 'ordered') {
      for (const item of block.children)
        if (item.type === 'item') entries.push(toEntry(textOf(item.children), item.line));
    } else if (block.type === 'heading' || (block.type === 'paragraph' && DATE.test(plainText(block.text)))) {
      entries.push(toEntry(plainText(block.text), block.line));
    } else if (block.type === 'paragraph' && entries.length > 0) {
      const last = entries.pop()!;
      entries.push({ ...last, text: `${last.text} ${plainText(block.text)}`.trim() });
    }
  }
  return entries;
}

function textOf(blocks: readonly Block[]): string {
  const texts: string[] = [];
  for (const block of walkBlocks(blocks)) {
    if (block.type === 'paragraph' || block.type === 'heading') texts.push(plainText(block.text));
  }
  return texts.join(' ');
}

function toEntry(text: string, line: number): HistoryEntry {
  const match = DATE.exec(text);
  const date = match && isDate(match[1]!) ? match[1]! : null;
  return { date, text: date === null ? text : text.slice(match![0].length), line };
}

/** Whether the text is a day of the calendar as YYYY-MM-DD. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const [year, month, day] = text.split('-').map(Number) as [number, number, number];
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
