/**
 * The plainest front matter (`key: word`, `key: [Word, Word]`), read without loading the YAML library:
 * it halves the start of small commands and the time of linting a large tree. Anything it is not
 * certain about it leaves to the library; a property test holds the two against each other.
 */

const KEY = /^([A-Za-z][A-Za-z0-9_-]{0,60}):[ ]+/;
// Words that start with a letter and hold nothing that YAML could read as more than text.
const WORDS = /^[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*$/;
const SPECIAL = /^(?:true|false|null|yes|no|on|off|y|n)$/i;
const ISO_DATE = /^\d{4}-\d{2}-\d{2}$/;
const INTEGER = /^(?:0|[1-9]\d{0,8})$/;
const QUOTED = /^"([A-Za-z0-9 ,;:()_./<>=&|-]*)"$/;

/** @returns the values, or null when the library must read it */
export function parseSimpleYaml(yaml: string): Record<string, unknown> | null {
  const values: Record<string, unknown> = {};
  for (const line of yaml.split(/\r\n?|\n/)) {
    if (line === '') continue;
    const match = KEY.exec(line);
    if (!match || Object.hasOwn(values, match[1]!)) return null;
    const value = simpleValue(line.slice(match[0].length));
    if (value === undefined) return null;
    values[match[1]!] = value;
  }
  return values;
}

function simpleValue(text: string): string | number | string[] | undefined {
  if (isWords(text) || ISO_DATE.test(text)) return text;
  if (INTEGER.test(text)) return Number(text);
  const quoted = QUOTED.exec(text);
  if (quoted) return quoted[1]!;
  const list = /^\[([^[\]]*)\]$/.exec(text);
  if (!list) return undefined;
  const words = list[1]!.split(', ').map((word) => word.trim());
  return words.every(isWords) ? words : undefined;
}

function isWords(text: string): boolean {
  return WORDS.test(text) && !SPECIAL.test(text);
}
