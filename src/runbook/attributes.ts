/** Runme's fence attributes: ` ```bash {"name":"x"} `, flat JSON from the first `{` to the first `}`. */
import type { Attributes, BlockLanguage, Diagnostic } from './model.ts';

const LANGUAGES: ReadonlySet<string> = new Set(['bash', 'sh', 'shell', 'console', 'promql']);

export interface FenceInfo {
  readonly tag: string;
  readonly language: BlockLanguage | null;
  readonly attributes: Attributes;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads a fence's info string. Broken attributes become a diagnostic, and the fence keeps none.
 * `{name=value}`, Runme's older notation, is read too; other tools' `{1,3-5}` is left alone.
 */
export function readInfo(info: string, line: number): FenceInfo {
  const tag = /^[^\s{]*/.exec(info)![0].toLowerCase();
  const language = LANGUAGES.has(tag) ? (tag as BlockLanguage) : null;
  const start = info.indexOf('{');
  if (start === -1) return { tag, language, attributes: {}, diagnostics: [] };
  const end = info.indexOf('}', start);
  const text = end === -1 ? info.slice(start) : info.slice(start, end + 1);
  const json = parseFlatJson(text);
  if (json !== null) return { tag, language, ...checkFlat(json, line) };
  const pairs = language === null ? {} : parsePairs(text);
  if (pairs !== null) return { tag, language, attributes: pairs, diagnostics: [] };
  if (language === null) return { tag, language, attributes: {}, diagnostics: [] };
  return { tag, language, attributes: {}, diagnostics: [brokenAttributes(info, start, line)] };
}

/** The attributes up to the last `}` parse, but those up to the first do not: a value holds a brace. */
export function hasBraceInValue(info: string): boolean {
  const start = info.indexOf('{');
  const first = info.indexOf('}', start);
  const last = info.lastIndexOf('}');
  return start !== -1 && last > first && parseFlatJson(info.slice(start, last + 1)) !== null;
}

function brokenAttributes(info: string, start: number, line: number): Diagnostic {
  if (hasBraceInValue(info)) {
    const message = 'an attribute holds a "}", where Runme stops reading; write the value without braces';
    return { rule: 'brace-in-attribute', severity: 'error', line, message };
  }
  const shown = info.slice(start, start + 60);
  const message = `the attributes ${shown} are not flat JSON; write {"name":"value"} on one line`;
  return { rule: 'broken-attributes', severity: 'error', line, message };
}

function parseFlatJson(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function isFlat([, value]: [string, unknown]): boolean {
  return value === null || typeof value !== 'object';
}

function checkFlat(json: Record<string, unknown>, line: number) {
  const entries = Object.entries(json);
  const diagnostics = entries
    .filter((entry) => !isFlat(entry))
    .map(([key]): Diagnostic => {
      const message = `the attribute "${key}" is a list or object; attributes are single values`;
      return { rule: 'broken-attributes', severity: 'error', line, message };
    });
  return { attributes: Object.fromEntries(entries.filter(isFlat)) as Attributes, diagnostics };
}

function parsePairs(text: string): Record<string, string> | null {
  const inner = text.replace(/^\{|\}$/g, '').trim();
  if (inner.length > 2000 || !/^(?:[\w-]+=(?:"[^"]*"|[^\s"=]+)(?:\s+|$))+$/.test(inner)) return null;
  const pairs: Record<string, string> = {};
  for (const [, key, quoted, bare] of inner.matchAll(/([\w-]+)=(?:"([^"]*)"|([^\s"=]+))/g)) {
    pairs[key!] = quoted ?? bare ?? '';
  }
  return pairs;
}
