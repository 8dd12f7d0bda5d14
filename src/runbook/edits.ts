import { AllclearError } from '../kernel/index.ts';

/** Replaces the text between two offsets (UTF-16 code units, end excluded). */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Applies edits that were all made against the same source; everything outside them stays byte for byte.
 * Errors: `E_BAD_VALUE` when two overlap or one lies outside the source
 */
export function applyEdits(source: string, edits: readonly Edit[]): string {
  let result = '';
  let at = 0;
  for (const { start, end, text } of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (start < at || end < start || end > source.length) {
      throw new AllclearError('E_BAD_VALUE', {
        what: `an edit of ${start}–${end} overlaps another or lies outside the text`,
        next: 'Make edits against one text, each in its own place.',
      });
    }
    result += source.slice(at, start) + text;
    at = end;
  }
  return result + source.slice(at);
}

/** The offset at which each line starts, for 1-based line numbers: `lineStarts(source)[line - 1]`. */
export function lineStarts(source: string): number[] {
  const starts = [0];
  for (const match of source.matchAll(/\r\n?|\n/g)) starts.push(match.index + match[0].length);
  return starts;
}
