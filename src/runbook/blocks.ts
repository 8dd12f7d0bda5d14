/** Markdown's block structure as a small tree. Inline marks stay as written: no rule needs them parsed. */
import MarkdownIt from 'markdown-it/browser';
import { readInfo } from './attributes.ts';
import type { Diagnostic, Fence } from './model.ts';
import { splitLines } from './text-lines.ts';

/** One block. Lines count from 1, both ends included. */
export type Block =
  | {
      readonly type: 'heading';
      readonly level: number;
      readonly text: string;
      readonly line: number;
      readonly endLine: number;
    }
  | { readonly type: 'paragraph'; readonly text: string; readonly line: number; readonly endLine: number }
  | FenceBlock
  | ContainerBlock
  | {
      readonly type: 'other';
      /** The source of an HTML block; null for rules and indented code. */
      readonly html: string | null;
      readonly line: number;
      readonly endLine: number;
    };

/** A fence, read. Its info string is taken from the source: markdown-it would undo its backslashes. */
export interface FenceBlock {
  readonly type: 'fence';
  readonly fence: Fence;
  /** What is wrong with its attributes. */
  readonly diagnostics: readonly Diagnostic[];
  /** The opening run of backticks or tildes. */
  readonly marker: string;
  /** False when the fence was never closed and ran on to the end of its container. */
  readonly closed: boolean;
  readonly line: number;
  readonly endLine: number;
}

/** A list, a list item or a quotation. */
export interface ContainerBlock {
  readonly type: 'ordered' | 'bullets' | 'item' | 'quote';
  readonly children: Block[];
  readonly line: number;
  readonly endLine: number;
}

/** As much of markdown-it's token as is read here. */
interface Token {
  readonly type: string;
  readonly tag: string;
  readonly markup: string;
  readonly content: string;
  readonly map: [number, number] | null;
}

// The browser build is the same parser in one file: it loads in half the time.
// 100 levels of nesting are more than any runbook has; deeper content is left out.
const markdown = new MarkdownIt('commonmark', { maxNesting: 100 });
markdown.core.ruler.enableOnly(['normalize', 'block']);

const CONTAINERS: Readonly<Record<string, ContainerBlock['type']>> = {
  ordered_list_open: 'ordered',
  bullet_list_open: 'bullets',
  list_item_open: 'item',
  blockquote_open: 'quote',
};

const CLOSINGS: ReadonlySet<string> = new Set([
  'ordered_list_close',
  'bullet_list_close',
  'list_item_close',
  'blockquote_close',
]);

/**
 * Reads the blocks of a Markdown text.
 * @param firstLine the line number of the text's first line in its file
 */
export function readBlocks(text: string, firstLine = 1): Block[] {
  const lines = splitLines(text);
  const root: Block[] = [];
  const open: Block[][] = [root];
  const tokens: readonly Token[] = markdown.parse(text, {});
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    const siblings = open.at(-1)!;
    const container = CONTAINERS[token.type];
    if (container !== undefined) {
      const block: ContainerBlock = { type: container, children: [], ...place(token, firstLine) };
      siblings.push(block);
      open.push(block.children);
    } else if (CLOSINGS.has(token.type)) {
      open.pop();
    } else if (token.type === 'heading_open') {
      const content = tokens[index + 1]?.content ?? '';
      siblings.push({
        type: 'heading',
        level: Number(token.tag.slice(1)),
        text: content,
        ...place(token, firstLine),
      });
    } else if (token.type === 'paragraph_open') {
      siblings.push({
        type: 'paragraph',
        text: tokens[index + 1]?.content ?? '',
        ...place(token, firstLine),
      });
    } else if (token.type === 'fence') {
      siblings.push(fenceBlock(token, lines, firstLine));
    } else if (token.type === 'html_block' || token.type === 'code_block' || token.type === 'hr') {
      const html = token.type === 'html_block' ? token.content : null;
      siblings.push({ type: 'other', html, ...place(token, firstLine) });
    }
  }
  return root;
}

function place(token: Token, firstLine: number): { line: number; endLine: number } {
  const [from, to] = token.map ?? [0, 1];
  return { line: from + firstLine, endLine: Math.max(from, to - 1) + firstLine };
}

function fenceBlock(token: Token, lines: readonly string[], firstLine: number): FenceBlock {
  const { line, endLine } = place(token, firstLine);
  const opening = lines[line - firstLine] ?? '';
  const marker = opening.indexOf(token.markup);
  const info = marker === -1 ? '' : opening.slice(marker + token.markup.length).trim();
  const last = (lines[endLine - firstLine] ?? '').replace(/^[\s>]+/, '').trimEnd();
  const fill = token.markup[0]!;
  const closed = endLine > line && last.length >= token.markup.length && last === fill.repeat(last.length);
  const { diagnostics, ...read } = readInfo(info, line);
  const broken = diagnostics.some(({ severity }) => severity === 'error');
  const fence: Fence = { ...read, broken, info, code: token.content, line, endLine };
  return { type: 'fence', fence, diagnostics, marker: token.markup, closed, line, endLine };
}

/** Every block of the tree in reading order, containers before their content. */
export function walkBlocks(blocks: readonly Block[], into: Block[] = []): Block[] {
  for (const block of blocks) {
    into.push(block);
    if ('children' in block) walkBlocks(block.children, into);
  }
  return into;
}
