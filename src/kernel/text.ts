/** Text from outside (labels, tool names, command output) made safe to print on a terminal. */

// oxlint-disable-next-line no-control-regex -- control characters are what this removes
const ESCAPES = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[@-Z\\-_]/g;
// oxlint-disable-next-line no-control-regex -- the same; tab and newline stay
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Removes terminal escape sequences, other control characters and bidirectional overrides. */
export function printable(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(ESCAPES, '').replace(CONTROLS, '');
}

/** The text in one line of at most `width` characters, with `…` where it was cut. */
export function oneLine(text: string, width: number): string {
  const flat = printable(text).replace(/\s+/g, ' ').trim();
  return flat.length <= width ? flat : `${flat.slice(0, Math.max(0, width - 1))}…`;
}

/** A name made of lower-case words and dashes, from any heading or sentence; never empty. */
export function slug(text: string): string {
  const words = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 61)
    .replace(/^-+|-+$/g, '');
  return words === '' ? 'unnamed' : words;
}
