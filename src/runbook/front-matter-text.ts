/** Where the front matter stands in a source, whatever is in it. */

export interface FrontMatterSpan {
  /** The YAML between the `---` lines, line ends as written; empty when there is none. */
  readonly yaml: string;
  /** Offset of the YAML in the source. */
  readonly start: number;
  /** Offset just after the YAML, where the closing line starts. */
  readonly end: number;
  /** Offset of the Markdown after it. */
  readonly bodyStart: number;
  /** The line number of the Markdown's first line, from 1. */
  readonly bodyLine: number;
}

/** How much YAML is looked at; a longer block is taken for text. */
const MAX_YAML = 64 * 1024;

/** Finds `---` … `---` (or `...`) at the very start, after a byte order mark; null when there is none. */
export function findFrontMatter(source: string): FrontMatterSpan | null {
  const bom = source.startsWith('\uFEFF') ? 1 : 0;
  const opening = /^---[ \t]*(?:\r\n?|\n)/.exec(source.slice(bom, bom + 100));
  if (!opening) return null;
  const start = bom + opening[0].length;
  const window = source.slice(start, start + MAX_YAML);
  const closing = /^(?:---|\.\.\.)[ \t]*(?:\r\n?|\n|$)/m.exec(window);
  if (!closing) return null;
  const end = start + closing.index;
  const bodyStart = end + closing[0].length;
  const yaml = source.slice(start, end);
  return { yaml, start, end, bodyStart, bodyLine: 3 + (yaml.match(/\r\n?|\n/g)?.length ?? 0) };
}
