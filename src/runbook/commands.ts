/** What of a fence's text runs: transcripts lose their prompts and outputs, scripts fall into paragraphs. */
import type { Fence } from './model.ts';
import { completeAfter } from './shell-scan.ts';

/** One line of a fence that counts, with its place in the file. */
export interface CodeLine {
  readonly text: string;
  readonly line: number;
}

/** A part of a fence that is one check: its leading comments and what runs. */
export interface Paragraph {
  /** The text of the comment lines before the first command, without `#`. */
  readonly comments: readonly string[];
  /** Comment lines further down: what they expect belongs to some part of the command only. */
  readonly innerComments: readonly string[];
  readonly command: string;
  /** The first line of the command. */
  readonly line: number;
}

/** The lines of an executable fence that run, comments and blank lines included. */
export function runnableLines(fence: Fence): CodeLine[] {
  const lines = fence.code
    .replace(/\n$/, '')
    .split('\n')
    .map((text, index) => ({ text, line: fence.line + 1 + index }));
  if (fence.language === 'promql') return lines;
  const first = lines.find(({ text }) => text.trim() !== '' && !isComment(text));
  const transcript = fence.language === 'console' || (first !== undefined && isPrompt(first.text));
  return transcript ? transcriptLines(lines) : lines;
}

/** All of a fence as one command; empty when it holds only comments or output. */
export function wholeCommand(fence: Fence): Paragraph {
  return toParagraph(runnableLines(fence), []);
}

/**
 * Cuts a fence into its checks: at blank lines that are followed by a comment, where no quote, heredoc
 * or loop is open. Paragraphs that only assign or `cd` are set before each later one. When one
 * paragraph needs what another does (a variable, a function, a folder), the fence stays whole.
 */
export function paragraphsOf(fence: Fence): Paragraph[] {
  const lines = runnableLines(fence);
  const parts = fence.language === 'promql' ? cut(lines, completeQuery(lines)) : cut(lines, complete(lines));
  const whole = toParagraph(lines, []);
  if (whole.command === '') return [];
  if (fence.language === 'promql') return parts.map((part) => toParagraph(part, [])).filter(isCommand);
  const setup: CodeLine[] = [];
  const paragraphs: Paragraph[] = [];
  const leaks: string[] = [];
  for (const part of parts) {
    const code = codeOf(part);
    if (code.length === 0) continue;
    if (code.every(({ text }) => SETUP.test(text))) {
      setup.push(...code);
      continue;
    }
    if (leaks.some((name) => usesVariable(part, name))) return [whole];
    if (part.some(({ text }) => CHANGES_SHELL.test(text)))
      return parts.length === 1 ? [whole] : stayWhole(parts, whole);
    leaks.push(...assignedNames(part));
    paragraphs.push(toParagraph(part, setup));
  }
  return paragraphs.length === 0 ? [whole] : paragraphs;
}

const NAME = /^\s*(?:export\s+|declare\s+|readonly\s+|local\s+)?([A-Za-z_]\w*)=/;
const SETUP =
  /^\s*(?:(?:export\s+|readonly\s+|declare\s+)?[A-Za-z_]\w*=(?:"[^"]*"|'[^']*'|\$\(.*\)|`[^`]*`|[^\s"'`$();|&<>]*|\$\{?\w+\}?)\s*|(?:cd|export|source|\.|set|unset|alias|shopt)\s[^;|&]*)$/;
/** Folders and functions that later paragraphs may rely on. */
const CHANGES_SHELL = /^\s*(?:cd\s|pushd\s|source\s|\.\s|function\s|[A-Za-z_]\w*\s?\(\)|export\s|set\s)/;

function stayWhole(parts: readonly CodeLine[][], whole: Paragraph): Paragraph[] {
  const commands = parts.filter((part) => codeOf(part).length > 0);
  return commands.length === 1 ? [toParagraph(commands[0]!, [])] : [whole];
}

function assignedNames(part: readonly CodeLine[]): string[] {
  return part
    .flatMap(({ text }) => [NAME.exec(text)?.[1], /\bread\s+(?:-\w\s+)*([A-Za-z_]\w*)/.exec(text)?.[1]])
    .filter((name) => name !== undefined);
}

function usesVariable(part: readonly CodeLine[], name: string): boolean {
  return part.some(({ text }) => text.includes(`$${name}`) || text.includes(`\${${name}`));
}

function complete(lines: readonly CodeLine[]): boolean[] {
  const after = completeAfter(lines.map(({ text }) => text));
  // A script that is not even complete at its end is beyond this scanner: it stays whole.
  return after.at(-1) === true ? after : after.map(() => false);
}

/** The same for PromQL: brackets and quotes are closed. */
function completeQuery(lines: readonly CodeLine[]): boolean[] {
  let depth = 0;
  return lines.map(({ text }) => {
    if (!isComment(text)) {
      const bare = text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, '');
      for (const char of bare) {
        if ('([{'.includes(char)) depth += 1;
        else if (')]}'.includes(char)) depth -= 1;
      }
    }
    return depth === 0;
  });
}

function cut(lines: readonly CodeLine[], completeAt: readonly boolean[]): CodeLine[][] {
  const parts: CodeLine[][] = [[]];
  lines.forEach((line, index) => {
    const previous = lines[index - 1];
    const afterBlank = previous !== undefined && previous.text.trim() === '';
    const boundary = afterBlank && isComment(line.text) && completeAt[index - 1] === true;
    // Comments above comments lead the same command.
    if (boundary && codeOf(parts.at(-1)!).length > 0) parts.push([]);
    parts.at(-1)!.push(line);
  });
  return parts;
}

function codeOf(part: readonly CodeLine[]): CodeLine[] {
  return part.filter(({ text }) => text.trim() !== '' && !isComment(text));
}

function isCommand(paragraph: Paragraph): boolean {
  return paragraph.command !== '';
}

function toParagraph(lines: readonly CodeLine[], setup: readonly CodeLine[]): Paragraph {
  const start = lines.findIndex(({ text }) => text.trim() !== '' && !isComment(text));
  if (start === -1) return { comments: [], innerComments: [], command: '', line: lines[0]?.line ?? 1 };
  const code = lines.slice(start);
  const command = [...setup, ...code]
    .map(({ text }) => text)
    .join('\n')
    .trimEnd();
  return {
    comments: joinComments(lines.slice(0, start)),
    innerComments: joinComments(code),
    command,
    line: code[0]!.line,
  };
}

/** The comments as sentences: a line that goes on in lower case continues the one above. */
function joinComments(lines: readonly CodeLine[]): string[] {
  const sentences: string[] = [];
  let previous = -1;
  for (const { text, line } of lines) {
    if (!isComment(text) || text.trimStart().startsWith('#!')) continue;
    const words = text.trim().replace(/^#+\s*/, '');
    const continues = line === previous + 1 && /^[a-z(<>]/.test(words) && sentences.length > 0;
    if (continues) sentences.push(`${sentences.pop()!} ${words}`);
    else if (words !== '') sentences.push(words);
    previous = line;
  }
  return sentences;
}

function isComment(text: string): boolean {
  return text.trimStart().startsWith('#');
}

function isPrompt(text: string): boolean {
  return /^\s*\$ \s*\S/.test(text);
}

/** Keeps the `$ ` lines of a transcript (with the lines they continue on), comments and blank lines. */
function transcriptLines(lines: readonly CodeLine[]): CodeLine[] {
  const kept: CodeLine[] = [];
  for (let index = 0; index < lines.length; index++) {
    const { text, line } = lines[index]!;
    if (!isPrompt(text)) {
      if (text.trim() === '' || (isComment(text) && leadsPrompt(lines, index))) kept.push({ text, line });
      continue;
    }
    const command = [{ text: text.replace(/^\s*\$ \s*/, ''), line }];
    const length = continuationLength(lines, index, command[0]!.text);
    for (let next = 1; next <= length; next++) {
      const continued = lines[index + next]!;
      command.push({ text: continued.text.replace(/^\s*> ?/, ''), line: continued.line });
    }
    kept.push(...command);
    index += length;
  }
  return kept;
}

/** A comment in a transcript leads the next prompt; elsewhere `# ` is a root shell's prompt or output. */
function leadsPrompt(lines: readonly CodeLine[], index: number): boolean {
  for (let next = index + 1; next < lines.length && next <= index + MAX_COMMENTS; next++) {
    const { text } = lines[next]!;
    if (isPrompt(text)) return true;
    if (!isComment(text)) return false;
  }
  return false;
}

/** More comment lines than this above one prompt are not looked at. */
const MAX_COMMENTS = 20;

/** At most this many lines continue one command of a transcript. */
const MAX_CONTINUATION = 200;

/** How many of the following lines the command at `start` still needs; 0 when it never completes. */
function continuationLength(lines: readonly CodeLine[], start: number, first: string): number {
  const texts = [first];
  for (let next = start + 1; next < lines.length && texts.length <= MAX_CONTINUATION; next++) {
    if (completeAfter([first])[0] === true || isPrompt(lines[next]!.text)) break;
    texts.push(lines[next]!.text.replace(/^\s*> ?/, ''));
  }
  const last = completeAfter(texts).indexOf(true);
  return last === -1 ? 0 : last;
}
