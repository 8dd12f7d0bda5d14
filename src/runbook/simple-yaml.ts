/**
 * The plainest front matter (words, dates, lists of words, maps of them), read without loading the YAML
 * library: it halves the start of small commands and the time of linting a large tree. Anything it is
 * not certain about it leaves to the library; a property test holds the two against each other.
 */

type Values = { [key: string]: string | number | string[] | Values };

const LINE = /^( *)([A-Za-z][A-Za-z0-9_-]{0,60}):(?: +(\S.*))?$/;
// Text that starts with a letter and holds nothing that YAML could read as more than text: no `#`,
// no colon before a space.
const WORDS = /^[A-Za-z](?:[A-Za-z0-9_./<>=&|+*(),;!-]|:(?=[^ ])| (?=[^ ]))*$/;
const LIST_WORDS = /^[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*$/;
const SPECIAL = /^(?:true|false|null|yes|no|on|off|y|n)$/i;
const DATE_OR_DURATION = /^(?:\d{4}-\d{2}-\d{2}|[1-9]\d{0,5}[smhdw])$/;
const INTEGER = /^(?:0|[1-9]\d{0,8})$/;
const QUOTED = /^"([A-Za-z0-9 ,;:()_./<>=&|-]*)"$/;
const MAX_DEPTH = 4;

/** @returns the values, or null when the library must read it */
export function parseSimpleYaml(yaml: string): Record<string, unknown> | null {
  const root: Values = {};
  // The maps that the next line may belong to, each two spaces deeper than the one before.
  const open: Values[] = [root];
  let opened = false;
  for (const line of yaml.split(/\r\n?|\n/)) {
    if (line === '') continue;
    const [, indent, key, text] = LINE.exec(line) ?? [];
    if (indent === undefined || key === undefined) return null;
    const depth = indent.length / 2;
    // A key without a value must open a map; only then may the next line be deeper.
    if (!Number.isInteger(depth) || depth >= open.length || (opened && depth !== open.length - 1))
      return null;
    open.length = depth + 1;
    const map = open[depth]!;
    if (Object.hasOwn(map, key)) return null;
    opened = text === undefined;
    const inner: Values = {};
    const value = text === undefined ? inner : simpleValue(text);
    if (value === undefined || open.length > MAX_DEPTH) return null;
    map[key] = value;
    if (opened) open.push(inner);
  }
  return opened ? null : root;
}

function simpleValue(text: string): string | number | string[] | undefined {
  if (DATE_OR_DURATION.test(text) || (WORDS.test(text) && !text.endsWith(':') && !SPECIAL.test(text)))
    return text;
  if (INTEGER.test(text)) return Number(text);
  const quoted = QUOTED.exec(text);
  if (quoted) return quoted[1]!;
  const list = /^\[([^[\]]*)\]$/.exec(text);
  if (!list) return undefined;
  const words = list[1]!.split(', ').map((word) => word.trim());
  return words.every((word) => LIST_WORDS.test(word) && !SPECIAL.test(word)) ? words : undefined;
}
