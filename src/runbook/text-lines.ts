/** Lines, sentences and plain text out of Markdown source. All patterns here are linear in their input. */

const LINE_END = /\r\n?|\n/;

/** The source's lines without their ends; the same lines that markdown-it counts. */
export function splitLines(source: string): string[] {
  return source.split(LINE_END);
}

/** The line end the source uses first; `\n` when it has none. */
export function lineEnding(source: string): string {
  return LINE_END.exec(source)?.[0] ?? '\n';
}

/** Inline Markdown as the text a reader sees: no emphasis, code or link marks; white space collapsed. */
export function plainText(markdown: string): string {
  if (!/[[\]*_`<]/.test(markdown)) return markdown.replace(/\s+/g, ' ').trim();
  return markdown
    .replace(/!?\[([^[\]]{0,500})\]\((?:[^()\s]|\([^()\s]{0,200}\)){0,2000}(?: "[^"\n]{0,200}")?\)/g, '$1')
    .replace(/!?\[([^[\]]{1,500})\]\[[^[\]]{0,200}\]/g, '$1')
    .replace(/<((?:https?|mailto):[^<>\s]{1,2000})>/g, '$1')
    .replace(/\*\*|`/g, '')
    .replace(/(^|\W)__(?=\S)|(?<=\S)__(?=\W|$)/g, '$1')
    .replace(/(^|[^\w*])\*(?=\S)|(?<=\S)\*(?=$|[^\w*])/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Whether inline Markdown is nothing but one link, as in lists of references. */
export function isOnlyLink(markdown: string): boolean {
  const text = markdown.trim();
  return (
    /^\[[^[\]]{0,500}\](?:\((?:[^()\s]|\([^()\s]{0,200}\)){0,2000}\)|\[[^[\]]{0,200}\]|:.{0,2000})?$/.test(
      text,
    ) || /^<?https?:\/\/\S{1,2000}$/.test(text)
  );
}

/** The first sentence and what follows it. A full stop counts only before white space and at the end. */
export function splitSentence(text: string): { first: string; rest: string } {
  const end = /[.!?:](?=\s|$)/.exec(text);
  if (!end) return { first: text, rest: '' };
  return { first: text.slice(0, end.index), rest: text.slice(end.index + 1).trim() };
}

/** The sentence that leads straight into what follows: the last one. */
export function lastSentence(text: string): string {
  const bare = text.slice(-1000).replace(/[.!?:\s]+$/, '');
  let start = 0;
  for (const { index } of bare.matchAll(/[.!?:]\s/g)) start = index + 2;
  return bare.slice(start).trim();
}

/** The text cut at a word so that it has at most `width` characters, with `…` when it was cut. */
export function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  const cut = text.slice(0, width - 1);
  const space = cut.lastIndexOf(' ');
  return `${space > width / 2 ? cut.slice(0, space) : cut}…`;
}
