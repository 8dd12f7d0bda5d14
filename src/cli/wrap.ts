import { stripVTControlCharacters } from 'node:util';

/** Words in lines of at most `width`, further lines indented; escape sequences do not count. */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  // Runs of spaces inside a line are kept: they are columns.
  for (const word of text.split(/(?<=\S)(?=\s)/)) {
    const candidate = line + word;
    if (line !== '' && stripVTControlCharacters(candidate).length > width) {
      lines.push(line);
      line = indent + word.trimStart();
    } else {
      line = candidate;
    }
  }
  return [...lines, line].join('\n');
}
