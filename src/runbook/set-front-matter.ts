/** Changing one key of the front matter, touching nothing else. */
import { AllclearError } from '../kernel/index.ts';
import { applyEdits } from './edits.ts';
import { yamlLibrary } from './front-matter.ts';
import { type FrontMatterSpan, findFrontMatter } from './front-matter-text.ts';
import { lineEnding } from './text-lines.ts';

export type FrontMatterValue = string | number | boolean | readonly string[];

/**
 * Sets a top-level key: its value is replaced where it stands, a new key goes to the end, and missing
 * front matter is made. Comments, order and every other byte stay.
 * Errors: `E_BAD_VALUE` when the key is no plain word, or the YAML is broken or no map
 */
export function setFrontMatterKey(source: string, key: string, value: FrontMatterValue): string {
  if (!/^[A-Za-z][\w-]{0,100}$/.test(key)) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `${JSON.stringify(key)} cannot be a front matter key`,
      next: 'Use letters, digits and dashes.',
    });
  }
  const eol = lineEnding(source);
  const line = `${key}: ${flow(value)}`;
  const span = findFrontMatter(source);
  if (span === null) {
    const at = source.startsWith('\uFEFF') ? 1 : 0;
    const blank = source.length > at ? eol : '';
    return applyEdits(source, [{ start: at, end: at, text: `---${eol}${line}${eol}---${eol}${blank}` }]);
  }
  const range = valueRange(span, key);
  if (range === null) return applyEdits(source, [{ start: span.end, end: span.end, text: line + eol }]);
  const [start, end] = range;
  const gap = source[start - 1] === ':' ? ' ' : '';
  return applyEdits(source, [{ start, end, text: gap + flow(value) }]);
}

/** The offsets of the key's value in the source; null when there is no such key. */
function valueRange(span: FrontMatterSpan, key: string): [start: number, end: number] | null {
  const { isMap, isScalar, isNode, parseDocument } = yamlLibrary();
  // The library knows no line end of a lone carriage return; a line feed is as long.
  const document = parseDocument(span.yaml.replace(/\r(?!\n)/g, '\n'), {
    logLevel: 'silent',
    prettyErrors: false,
  });
  const { contents, errors } = document;
  if (errors.length > 0 || (contents !== null && !isMap(contents))) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `the front matter is broken YAML: ${errors[0]?.message.split('\n')[0] ?? 'it is no list of keys'}`,
      next: 'Mend the YAML between the --- lines first.',
      line: 2,
    });
  }
  if (contents === null) return null;
  if (contents.flow === true) {
    throw new AllclearError('E_BAD_VALUE', {
      what: 'the front matter is written as one {…} map, which is not changed in place',
      next: 'Write one "key: value" a line.',
      line: 2,
    });
  }
  const pair = contents.items.find((item) => isScalar(item.key) && item.key.value === key);
  if (pair === undefined) return null;
  if (isNode(pair.value) && pair.value.range) {
    const [start, end] = pair.value.range;
    return [span.start + start, span.start + trimEnd(span.yaml, start, end)];
  }
  const keyEnd = isNode(pair.key) ? (pair.key.range?.[1] ?? 0) : 0;
  const colon = span.yaml.indexOf(':', keyEnd) + 1;
  return [span.start + colon, span.start + colon];
}

/** A block list's range takes in the line end after it, which must stay. */
function trimEnd(yaml: string, start: number, end: number): number {
  let last = end;
  while (last > start && /\s/.test(yaml[last - 1]!)) last -= 1;
  return last;
}

/** The value in YAML on one line; quoted unless it is certainly plain. */
function flow(value: FrontMatterValue): string {
  if (typeof value === 'string') {
    return /^(?:[A-Za-z][\w./-]*(?: [\w./-]+)*|\d{4}-\d{2}-\d{2}|\d+[smhdw])$/.test(value) &&
      !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(value)
      ? value
      : JSON.stringify(value);
  }
  return typeof value === 'object' ? `[${value.map(flow).join(', ')}]` : String(value);
}
